//! The Dapr resources of a run: `components/` with the paths of this home.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::home::{Home, write_private};

/// What the files in the repository call the home.
const LOCAL: &str = ".local/";
const FIRST_SECRETS: &str = "secrets-1.json";

/// Copies `components/` into the home, for the newest secrets file. Sidecars watch the copy.
pub(crate) fn install(root: &Path, home: &Home, secrets_file: &str) -> Result<(), Error> {
    let target = home.join("components");
    let _ = fs::remove_dir_all(&target);
    copy(&root.join("components"), &target, &|text| {
        text.replace(LOCAL, &format!("{}/", home.path.display())).replace(FIRST_SECRETS, secrets_file)
    })
}

fn copy(source: &Path, target: &Path, edit: &impl Fn(&str) -> String) -> Result<(), Error> {
    fs::create_dir_all(target).map_err(Error::writing(target))?;
    for entry in fs::read_dir(source).map_err(Error::reading(source))? {
        let path = entry.map_err(Error::reading(source))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &target.join(name), edit)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).map_err(Error::reading(&path))?;
            write_private(&target.join(name), &edit(&text))?;
        }
    }
    Ok(())
}

/// The copy of a resource path of `dapr.yaml`.
pub(crate) fn installed(home: &Home, path: &Path) -> PathBuf {
    home.path.join(path)
}

/// Points the secret store at another file, and touches what refers to the store so that it is read again.
pub(crate) fn point_at_secrets(home: &Home, old: &str, new: &str) -> Result<(), Error> {
    let components = home.join("components");
    let mut referring = Vec::new();
    for entry in fs::read_dir(&components).map_err(Error::reading(&components))?.flatten() {
        let path = entry.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.contains(old) {
            write_private(&path, &text.replace(old, new))?;
        } else if text.contains("secretKeyRef") {
            referring.push((path, text));
        }
    }
    for (path, text) in referring {
        write_private(&path, &text)?;
    }
    Ok(())
}
