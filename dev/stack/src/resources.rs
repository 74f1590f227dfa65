//! The Dapr resources of a run: `components/` with the paths of this home.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::home::{Home, write_private};
use crate::plan::Plan;

/// What the files in the repository call the home.
const LOCAL: &str = ".local/";
const FIRST_SECRETS: &str = "secrets-1.json";

/// Copies the folders of resources and configurations that the apps use into the home, for the newest secrets file.
/// Sidecars watch the copies.
pub(crate) fn install(root: &Path, home: &Home, plan: &Plan, secrets_file: &str) -> Result<(), Error> {
    let configurations = plan.apps.iter().filter_map(|app| app.config.parent());
    let folders: BTreeSet<_> =
        plan.apps.iter().flat_map(|app| &app.resources).map(PathBuf::as_path).chain(configurations).collect();
    for folder in folders {
        let target = installed(home, folder);
        let _ = fs::remove_dir_all(&target);
        copy(&root.join(folder), &target, |text| {
            text.replace(LOCAL, &format!("{}/", home.path.display())).replace(FIRST_SECRETS, secrets_file)
        })?;
    }
    Ok(())
}

fn copy(source: &Path, target: &Path, edit: impl Fn(&str) -> String) -> Result<(), Error> {
    fs::create_dir_all(target).map_err(Error::writing(target))?;
    for entry in fs::read_dir(source).map_err(Error::reading(source))? {
        let path = entry.map_err(Error::reading(source))?.path();
        if let (Some(name), true) = (path.file_name(), path.extension().is_some_and(|extension| extension == "yaml")) {
            let text = fs::read_to_string(&path).map_err(Error::reading(&path))?;
            write_private(&target.join(name), &edit(&text))?;
        }
    }
    Ok(())
}

/// The copy of a folder that `dapr.yaml` names. One inside another is put beside it: sidecars warn of folders among
/// their resources.
pub(crate) fn installed(home: &Home, folder: &Path) -> PathBuf {
    home.path.join(folder.to_string_lossy().trim_matches('/').replace('/', "-"))
}

/// Points the secret store at another file.
pub(crate) fn point_at_secrets(home: &Home, old: &str, new: &str) -> Result<(), Error> {
    rewrite(home, |text| text.contains(old).then(|| text.replace(old, new)))
}

/// Writes every component that refers to a secret again, so that sidecars fetch its new value.
pub(crate) fn reread_referring(home: &Home, secret: &str) -> Result<(), Error> {
    let (refers, name) = ("secretKeyRef:", format!("name: {secret}\n"));
    rewrite(home, |text| (text.contains(refers) && text.contains(&name)).then(|| text.to_owned()))
}

fn rewrite(home: &Home, edit: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    let components = home.join("components");
    for entry in fs::read_dir(&components).map_err(Error::reading(&components))?.flatten() {
        let path = entry.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if let Some(changed) = edit(&text) {
            write_private(&path, &changed)?;
        }
    }
    Ok(())
}
