//! Cgroups, where they can be written: one per slot, for memory, the number of processes and, where that
//! controller is there as well, the share of the processors.
//!
//! The service makes the group, the slot's supervisor enters it before it starts anything, and the
//! service removes it. Jails follow each other in it; the group is empty of processes in between.
//! Names are made here; no program can influence them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How the resources of a run are limited, beyond the limits of a single process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By a cgroup of its own in the memory and pids hierarchies (version 1).
    CgroupV1,
    /// By a cgroup of its own in the unified hierarchy (version 2).
    CgroupV2,
    /// Without cgroups: per process, and a program cannot start processes.
    #[default]
    NoCgroup,
}

impl Mode {
    /// The name used in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CgroupV1 => "cgroup-v1",
            Self::CgroupV2 => "cgroup-v2",
            Self::NoCgroup => "no-cgroup",
        }
    }
}

/// Supervisor, first process, interpreter and what the program starts.
const MAX_PROCESSES: &str = "32";
/// What a jail gets of busy processors, by [`Share`]: files and values of both versions.
const SHARES: [(&str, [&str; 2]); 2] = [("cpu.shares", ["1024", "256"]), ("cpu.weight", ["100", "25"])];
/// How long the groups of a service that was killed may take to become empty.
const STALE_LIMIT: Duration = Duration::from_millis(500);
const OWN_FOLDER: &str = "learnflow-sandbox";
/// Where the service's own processes go when version 2 wants the parent group empty.
const HOST_FOLDER: &str = "learnflow-host";

/// What a jail gets of the processors while others want them, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// As much as any other.
    Full,
    /// A quarter of that: it is started ahead of programs, or its program has run for long.
    Small,
}

/// The groups under which every slot gets its own.
#[derive(Debug)]
pub(crate) enum Cgroups {
    V1 { memory: PathBuf, pids: PathBuf, cpu: Option<PathBuf> },
    V2 { unified: PathBuf },
    None,
}

impl Cgroups {
    /// Finds a hierarchy that this process may write, and clears what a killed service left there.
    pub(crate) fn detect() -> Self {
        // One at a time: sandboxes of the same process try out and clear away the same names.
        static DETECTED: Mutex<bool> = Mutex::new(false);
        let mut detected = DETECTED.lock().unwrap_or_else(PoisonError::into_inner);
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let found = Self::detect_v1(&mounts, &own).or_else(|| Self::detect_v2(&mounts, &own)).unwrap_or(Self::None);
        let is_first = !std::mem::replace(&mut *detected, true);
        for folder in found.folders() {
            remove_stale(folder, is_first);
        }
        found
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::V1 { .. } => Mode::CgroupV1,
            Self::V2 { .. } => Mode::CgroupV2,
            Self::None => Mode::NoCgroup,
        }
    }

    /// Makes the group of one slot; nothing without cgroups.
    pub(crate) fn create(&self) -> io::Result<Option<RunCgroup>> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let folders: Vec<_> = self.folders().into_iter().map(|folder| folder.join(&name)).collect();
        if folders.is_empty() {
            return Ok(None);
        }
        // Owned from here on, so that an error below removes what was made.
        let is_v1 = matches!(self, Self::V1 { .. });
        let mut group = RunCgroup { folders, is_v1, kills_before: 0, peak: Peak::OfGroup, shares: None };
        for folder in &group.folders {
            // Another service may remove the empty common parent at this moment: once more, then.
            fs::create_dir_all(folder).or_else(|_| fs::create_dir_all(folder))?;
        }
        group.write_if_present("pids.max", MAX_PROCESSES)?;
        group.write_if_present("memory.swap.max", "0")?;
        group.shares = group.open_shares();
        Ok(Some(group))
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, pids, cpu } => [memory, pids].into_iter().chain(cpu).map(PathBuf::as_path).collect(),
            Self::V2 { unified } => vec![unified],
            Self::None => vec![],
        }
    }

    fn detect_v1(mounts: &str, own: &str) -> Option<Self> {
        let folder = |controller| own_folder_v1(mounts, own, controller);
        let (memory, pids) = (folder("memory")?, folder("pids")?);
        // In one hierarchy with another it is the same folder.
        let cpu = folder("cpu").filter(|folder| *folder != memory && *folder != pids);
        Some(Self::V1 { memory, pids, cpu })
    }

    fn detect_v2(mounts: &str, own: &str) -> Option<Self> {
        let mount = mount_point(mounts, |kind, _| kind == "cgroup2")?;
        let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
        // An earlier sandbox of this process may have moved it, see `delegate`.
        let path = path.strip_suffix(HOST_FOLDER).unwrap_or(path);
        let parent = below(&mount, path);
        let controllers = fs::read_to_string(parent.join("cgroup.controllers")).ok()?;
        let has = |name| controllers.split_whitespace().any(|controller| controller == name);
        if !has("memory") || !has("pids") {
            return None;
        }
        delegate(&parent).ok()?;
        let unified = parent.join(OWN_FOLDER);
        fs::create_dir_all(&unified).ok()?;
        delegate(&unified).ok()?;
        Some(Self::V2 { unified })
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for folder in self.folders() {
            // Not empty while another service uses it, too.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The cgroup of one slot, whose jails follow each other in it. Dropping it tries once to remove it.
#[derive(Debug)]
pub(crate) struct RunCgroup {
    folders: Vec<PathBuf>,
    is_v1: bool,
    /// Kills for want of memory in earlier jails.
    kills_before: u64,
    peak: Peak,
    /// The file that sets the share of the processors, and what to write into it.
    shares: Option<(File, [&'static str; 2])>,
}

/// Where the most memory that a jail held can be read.
#[derive(Debug)]
enum Peak {
    /// From the group: it began with the jail, or was set back.
    OfGroup,
    /// Through this file alone, which has set it back for its own readers (version 2).
    OfReader(File),
    /// Nowhere: the group's is that of an earlier jail.
    Unknown,
}

impl RunCgroup {
    /// The files through which a process enters.
    pub(crate) fn entrances(&self) -> io::Result<Vec<File>> {
        self.folders.iter().map(|folder| OpenOptions::new().write(true).open(folder.join("cgroup.procs"))).collect()
    }

    pub(crate) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        let bytes = bytes.to_string();
        if !self.is_v1 {
            return self.write_if_present("memory.max", &bytes);
        }
        // The second limit must not be below the first at any time, so the order depends on the direction.
        let both = "memory.memsw.limit_in_bytes";
        let _ = self.write_if_present(both, &bytes);
        self.write_if_present("memory.limit_in_bytes", &bytes)?;
        self.write_if_present(both, &bytes)
    }

    /// Whether [`share`](Self::share) has an effect.
    pub(crate) fn has_shares(&self) -> bool {
        self.shares.is_some()
    }

    /// Sets what the jail gets of the processors. Only a matter of speed, so nothing is said if it fails.
    pub(crate) fn share(&self, share: Share) {
        if let Some((file, values)) = &self.shares {
            let _ = file.write_all_at(values[share as usize].as_bytes(), 0);
        }
    }

    fn open_shares(&self) -> Option<(File, [&'static str; 2])> {
        SHARES.iter().find_map(|(name, values)| {
            let mut paths = self.folders.iter().map(|folder| folder.join(name));
            Some((OpenOptions::new().write(true).open(paths.find(|path| path.exists())?).ok()?, *values))
        })
    }

    /// Forgets what earlier jails did.
    pub(crate) fn begin_jail(&mut self) {
        self.kills_before = self.kills();
        if self.is_v1 {
            let _ = self.write_if_present("memory.max_usage_in_bytes", "0");
            return;
        }
        // Kernels before 6.12 refuse this.
        let path = self.folders.iter().map(|folder| folder.join("memory.peak")).find(|path| path.exists());
        let file = path.and_then(|path| OpenOptions::new().read(true).write(true).open(path).ok());
        self.peak = match file {
            Some(file) if file.write_all_at(b"reset", 0).is_ok() => Peak::OfReader(file),
            _ => Peak::Unknown,
        };
    }

    /// The most memory the jail held, in bytes, if the kernel says.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        match &self.peak {
            Peak::OfGroup => self.read(if self.is_v1 { "memory.max_usage_in_bytes" } else { "memory.peak" }),
            Peak::OfReader(file) => {
                let mut text = [0; 32];
                let length = file.read_at(&mut text, 0).ok()?;
                String::from_utf8(text[..length].to_vec()).ok()
            }
            Peak::Unknown => None,
        }?
        .trim()
        .parse()
        .ok()
    }

    /// Whether the kernel killed a process of the jail for want of memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.kills() != self.kills_before
    }

    fn kills(&self) -> u64 {
        let events = self.read(if self.is_v1 { "memory.oom_control" } else { "memory.events" }).unwrap_or_default();
        let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }

    /// Removes the group; false while a process is still leaving it.
    pub(crate) fn remove(&self) -> bool {
        self.folders.iter().all(|folder| match fs::remove_dir(folder) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        })
    }

    fn read(&self, file: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok())
    }

    fn write_if_present(&self, file: &str, value: &str) -> io::Result<()> {
        let present = self.folders.iter().map(|folder| folder.join(file)).find(|path| path.exists());
        present.map_or(Ok(()), |path| fs::write(path, value))
    }
}

impl Drop for RunCgroup {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Lets the children of a version 2 group have limits of their own. That needs the group itself to
/// hold no process, so this one moves into a child if it has to.
fn delegate(group: &Path) -> io::Result<()> {
    let enable = || {
        let control = group.join("cgroup.subtree_control");
        fs::write(&control, "+memory +pids")?;
        // Good to have, but a run can do without.
        let _ = OpenOptions::new().append(true).open(control).and_then(|mut file| file.write_all(b"+cpu"));
        Ok(())
    };
    if enable().is_ok() {
        return Ok(());
    }
    let host = group.join(HOST_FOLDER);
    fs::create_dir_all(&host)?;
    fs::write(host.join("cgroup.procs"), "0")?;
    enable()
}

/// A folder of ours below this process's own group in a version 1 hierarchy. A container may see
/// its own group as the root of the mount.
fn own_folder_v1(mounts: &str, own: &str, controller: &str) -> Option<PathBuf> {
    let mount =
        mount_point(mounts, |kind, options| kind == "cgroup" && options.split(',').any(|option| option == controller))?;
    let path = own.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })?;
    [below(&mount, path), mount].into_iter().find_map(|parent| {
        let folder = parent.join(OWN_FOLDER);
        fs::create_dir_all(&folder).ok()?;
        can_make_groups(&folder).then_some(folder)
    })
}

fn can_make_groups(folder: &Path) -> bool {
    let probe = folder.join(format!("{}-probe", std::process::id()));
    let made = fs::create_dir_all(&probe).is_ok();
    let writable = made && OpenOptions::new().write(true).open(probe.join("cgroup.procs")).is_ok();
    let _ = fs::remove_dir(&probe);
    writable
}

/// Removes the groups of services that are gone: their names begin with the process's number. In a
/// container that is often the same one again, so at first its own number counts as gone, too.
///
/// A jail whose service was killed a moment ago may still be taken apart, and its group is busy until then.
fn remove_stale(folder: &Path, is_first: bool) {
    let begun = Instant::now();
    while !try_remove_stale(folder, is_first) && begun.elapsed() < STALE_LIMIT {
        thread::sleep(Duration::from_millis(5));
    }
}

/// One attempt at that: whether none of them is left.
fn try_remove_stale(folder: &Path, is_first: bool) -> bool {
    let mut none_left = true;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.split_once('-')).and_then(|(pid, _)| pid.parse::<u32>().ok());
        let is_own = |pid| pid == std::process::id();
        if owner.is_some_and(|pid| if is_own(pid) { is_first } else { !Path::new(&format!("/proc/{pid}")).exists() }) {
            none_left &= fs::remove_dir(entry.path()).is_ok() || !entry.path().exists();
        }
    }
    none_left
}

fn mount_point(mounts: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        wanted(kind, options).then(|| PathBuf::from(point))
    })
}

fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both versions are read from their own files. The kernel's part is played by plain files: it is
    /// the names and formats that differ.
    #[test]
    fn both_versions_are_found_and_read() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().to_str().expect("a plain path");
        for folder in ["unified/pod/service", "memory", "pids"] {
            fs::create_dir_all(root.path().join(folder)).expect("a folder");
        }
        fs::write(root.path().join("unified/pod/service/cgroup.controllers"), "cpu memory pids\n").expect("a file");

        let unified = Cgroups::detect_v2(
            &format!("none /proc proc rw 0 0\nnone {path}/unified cgroup2 rw 0 0"),
            "0::/pod/service/learnflow-host\n",
        );
        let unified = unified.expect("version 2");
        assert_eq!(unified.folders(), [root.path().join("unified/pod/service/learnflow-sandbox")]);
        let mut group = unified.create().expect("a group").expect("a group");
        fs::write(group.folders[0].join("memory.events"), "oom 1\noom_kill 0\n").expect("a file");
        fs::write(group.folders[0].join("memory.peak"), "4096\n").expect("a file");
        fs::write(group.folders[0].join("memory.max"), "max\n").expect("a file");
        fs::write(group.folders[0].join("cpu.weight"), "100").expect("a file");
        group.shares = group.open_shares();
        group.share(Share::Small);
        assert!(fs::read_to_string(group.folders[0].join("cpu.weight")).expect("a file").starts_with("25"));
        assert!(!group.out_of_memory());
        assert_eq!(group.peak_memory(), Some(4096));
        group.limit_memory(50).expect("a limit");
        assert_eq!(fs::read_to_string(group.folders[0].join("memory.max")).expect("a file"), "50");
        fs::write(group.folders[0].join("memory.events"), "oom 1\noom_kill 2\n").expect("a file");
        assert!(group.out_of_memory());
        group.begin_jail();
        assert!(!group.out_of_memory(), "that was an earlier jail's");

        let missing = Cgroups::detect_v2(&format!("none {path}/unified cgroup2 rw 0 0"), "0::/elsewhere\n");
        assert!(missing.is_none(), "no controllers there");
        let mounts = format!("cgroup {path}/memory cgroup rw,memory 0 0\ncgroup {path}/pids cgroup rw,pids 0 0");
        let without_entrance = Cgroups::detect_v1(&mounts, "4:memory:/a\n8:pids:/\n");
        assert!(without_entrance.is_none(), "nothing there that a process could enter");
    }
}
