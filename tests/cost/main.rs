//! An audited patch costs no more instructions than docs/performance.md says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "what can't be counted is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The bounds: what was measured, and some more for the next compiler. `data()` not called, and called once.
const BOUNDS: [(bool, u64); 2] = [(false, 145_000), (true, 170_000)];

/// The benchmark, where somebody has built it: counting is worth nothing without optimisation.
fn benchmark() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/deps");
    let built = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let named = built.filter(|path| {
        path.extension().is_none() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("patch-"))
    });
    named.max_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok())
}

/// Instructions of so many patches, those of memset left out: how much SQLite clears depends on its build.
fn instructions(benchmark: &Path, calls: u32, data: bool) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("counted");
    let function = if data { "patch::guarded" } else { "patch::unread" };
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--tool=callgrind",
        &format!("--toggle-collect={function}"),
        &format!("--callgrind-out-file={}", out.display()),
    ]);
    valgrind.arg(benchmark).args(["--count", &calls.to_string()]).args(data.then_some("--data"));
    let ran = valgrind.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let listed = Command::new("callgrind_annotate").arg("--threshold=100").arg(&out).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let number = |line: &str| line.split_whitespace().next()?.replace(',', "").parse::<u64>().ok();
    let total = listed.lines().find(|line| line.contains("PROGRAM TOTALS")).and_then(number).unwrap();
    let memset: u64 = listed.lines().filter(|line| line.contains("memset")).filter_map(number).sum();
    assert!(total > 0, "nothing was counted");
    total - memset
}

#[test]
fn an_audited_patch_stays_within_its_bounds() {
    let there = Command::new("valgrind").arg("--version").output().is_ok_and(|ran| ran.status.success());
    let (true, Some(benchmark)) = (there, benchmark()) else {
        let lacking = "counting instructions needs valgrind and the benchmark: cargo bench --no-run";
        assert!(std::env::var_os("ACLITE_REQUIRE_HOSTS").is_none(), "{lacking}");
        eprintln!("skipped: {lacking}");
        return;
    };
    for (data, bound) in BOUNDS {
        // The difference leaves out what the first calls prepare.
        let (few, many) = (instructions(&benchmark, 50, data), instructions(&benchmark, 250, data));
        let each = (many - few) / 200;
        eprintln!("{each} instructions an audited patch, data() {}", if data { "called" } else { "not called" });
        assert!(each <= bound, "{each} instructions, more than {bound}");
    }
}
