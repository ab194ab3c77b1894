//! The conformance script, `steps.txt` and `sealed.txt`, says what every host is told and must answer.
//!
//! `== title` begins a scene, which is played in a fresh copy of the prepared file. `~~ …` begins its next connection,
//! `~~ … without the extension` one that loads nothing. `-- name` begins a step: a statement, then what is expected.
//! `=> a|b` is a row, `!! text` a part of the error, several of them where hosts word it differently; a step with neither
//! succeeds without rows.
//! `#` begins a comment. `{file}` stands for the path of the scene's file.

use std::path::Path;

const SCRIPT: [(&str, &str); 2] =
    [("steps.txt", include_str!("steps.txt")), ("sealed.txt", include_str!("sealed.txt"))];
/// How much of an unexpected answer is shown.
const SHOWN: usize = 400;

/// What a host made of a statement: rows as text, `|` between the values, or its error.
pub(crate) type Outcome = Result<Vec<String>, String>;

pub(crate) struct Scene {
    pub(crate) title: &'static str,
    /// The oldest SQLite that can play it; a scene says `[since 3.39]` where that is not the oldest of all.
    pub(crate) since: Option<&'static str>,
    /// Whether the file's guards are no longer those of this version when the scene is over.
    pub(crate) tampers: bool,
    pub(crate) acts: Vec<Act>,
}

/// What happens on one connection.
#[derive(Default)]
pub(crate) struct Act {
    pub(crate) bare: bool,
    pub(crate) steps: Vec<Step>,
}

pub(crate) struct Step {
    place: String,
    name: &'static str,
    sql: String,
    rows: Vec<&'static str>,
    errors: Vec<&'static str>,
}

impl Step {
    /// The statement, on one line.
    pub(crate) fn sql(&self, file: &Path) -> String {
        self.sql.replace("{file}", &file.display().to_string())
    }

    /// What is wrong with `outcome`, in words.
    pub(crate) fn fault(&self, outcome: &Outcome) -> Option<String> {
        let as_expected = match outcome {
            Ok(rows) => self.errors.is_empty() && *rows == self.rows,
            Err(error) => self.errors.iter().any(|part| error.contains(part)),
        };
        let expected = if self.errors.is_empty() { &self.rows } else { &self.errors };
        let got: String = format!("{outcome:?}").chars().take(SHOWN).collect();
        let Self { place, name, sql, .. } = self;
        (!as_expected).then(|| format!("{place}: {name}\n  {sql}\n  expected {expected:?}\n  got {got}"))
    }
}

/// The scenes in their order.
pub(crate) fn scenes() -> Vec<Scene> {
    SCRIPT.iter().flat_map(|(file, text)| scenes_of(file, text)).collect()
}

fn scenes_of(file: &str, text: &'static str) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (mark, rest) = line.split_at_checked(3).unwrap_or((line, ""));
        let place = format!("{file}:{}", index + 1);
        let wrong = || -> ! { panic!("{place}: `{line}` has no place here") };
        if mark == "== " {
            scenes.push(scene(rest));
            continue;
        }
        let last = scenes.last_mut().map(|scene| &mut scene.acts);
        let step = || last.and_then(|acts| acts.last_mut()).map(|act| &mut act.steps);
        match mark {
            "" => {}
            _ if line.starts_with('#') => {}
            "~~ " => {
                let acts = &mut scenes.last_mut().unwrap_or_else(|| wrong()).acts;
                acts.retain(|act| !act.steps.is_empty());
                acts.push(Act { bare: rest.ends_with("without the extension"), steps: Vec::new() });
            }
            "-- " => {
                let steps = step().unwrap_or_else(|| wrong());
                steps.push(Step { place, name: rest, sql: String::new(), rows: Vec::new(), errors: Vec::new() });
            }
            "=> " | "!! " => {
                let step = step().and_then(|steps| steps.last_mut()).unwrap_or_else(|| wrong());
                let (answers, other) =
                    if mark == "=> " { (&mut step.rows, &step.errors) } else { (&mut step.errors, &step.rows) };
                if rest.is_empty() || !other.is_empty() {
                    wrong();
                }
                answers.push(rest);
            }
            _ => {
                let step = step().and_then(|steps| steps.last_mut()).unwrap_or_else(|| wrong());
                let answered = !(step.rows.is_empty() && step.errors.is_empty());
                if answered || ["!!", "=>", "--", "==", "~~"].iter().any(|mark| line.starts_with(mark)) {
                    wrong();
                }
                step.sql = format!("{} {}", step.sql, line.trim()).trim().to_owned();
            }
        }
    }
    scenes
}

fn scene(title: &'static str) -> Scene {
    let (title, marks) = title.split_once(" [").unwrap_or((title, ""));
    let marks: Vec<&str> = marks.trim_end_matches(']').split(", ").filter(|mark| !mark.is_empty()).collect();
    let mut scene = Scene { title, since: None, tampers: false, acts: vec![Act::default()] };
    for mark in marks {
        match mark.strip_prefix("since ") {
            Some(version) => scene.since = Some(version),
            None if mark == "tampers" => scene.tampers = true,
            None => panic!("a scene can't be `{mark}`"),
        }
    }
    scene
}
