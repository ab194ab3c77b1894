//! Builds the extension when the first test asks for it.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The file that `cargo extension` builds.
pub(crate) fn extension() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        eprintln!("building the extension: cargo extension …");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).arg("extension").current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let built = built.expect("cargo can be started");
        assert!(built.status.success(), "cargo extension: {}", String::from_utf8_lossy(&built.stderr));
        let path = target().join("release").join(format!("{DLL_PREFIX}aclite{DLL_SUFFIX}"));
        assert!(path.exists(), "cargo extension left no {}", path.display());
        path
    })
}

/// Where cargo puts what it builds for this very run.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a directory of the target directory")
}
