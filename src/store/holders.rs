//! Which other processes have a file open.

use std::path::Path;

/// Names the processes, other than this one, that have the file or its log open, as far as the system tells: on Linux, those
/// that this user may look at.
#[cfg(target_os = "linux")]
pub(super) fn holders(path: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name
    };
    let wanted: Vec<(u64, u64)> =
        ["", "-wal", "-shm", "-journal"].iter().filter_map(|ending| identity(Path::new(&beside(ending)))).collect();
    let own = std::process::id();
    let mut found = Vec::new();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process that ends meanwhile, or is another user's, shows nothing.
        let mut open = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        if id != own && open.any(|file| identity(&file.path()).is_some_and(|file| wanted.contains(&file))) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.push(format!("process {id} ({})", name.trim()));
        }
    }
    found.sort();
    found
}

/// Elsewhere only their locks tell of them.
#[cfg(not(target_os = "linux"))]
pub(super) fn holders(_: &Path) -> Vec<String> {
    Vec::new()
}
