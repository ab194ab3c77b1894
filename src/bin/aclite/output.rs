//! What a command prints: results on stdout, as text or as one JSON object; failures on stderr.

use std::io::{self, Write, stderr, stdout};
use std::path::Path;

use aclite::{AdoptReport, CheckReport, DetachReport, Error};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::failure::Failure;

pub(crate) fn created(file: &Path, json: bool) -> io::Result<()> {
    if json {
        return object(file, json!({ "created": true }));
    }
    line(&format!("`{}` is ready: tables, default rules and guards", file.display()))
}

pub(crate) fn detached(file: &Path, report: &DetachReport, json: bool) -> io::Result<()> {
    if json {
        let mut value = value(report)?;
        value["detached"] = true.into();
        return object(file, value);
    }
    line(&format!("nothing guards `{}` any more; adopt it again after the migration", file.display()))?;
    counted("saved aside for that", &report.saved)?;
    list("tables taken back", &report.tables)?;
    list("columns taken back", &report.columns)?;
    list("indexes taken back", &report.indexes)
}

pub(crate) fn put_back(file: &Path, json: bool) -> io::Result<()> {
    if json {
        return object(file, json!({ "put_back": true }));
    }
    line(&format!("`{}` is what it was before the migration", file.display()))
}

pub(crate) fn guarded(file: &Path, table: &str, json: bool) -> io::Result<()> {
    if json {
        return object(file, json!({ "guarded": table }));
    }
    line(&format!("table `{table}` of `{}` is guarded; its rules are rows of acl_rules", file.display()))
}

pub(crate) fn adopted(file: &Path, report: &AdoptReport, json: bool) -> io::Result<()> {
    if json {
        return object(file, value(report)?);
    }
    if report.already {
        return line(&format!("`{}` was adopted before; nothing was done", file.display()));
    }
    let would = if report.dry_run { "would be " } else { "" };
    line(&format!("`{}` {}", file.display(), if report.dry_run { "can be adopted" } else { "is adopted" }))?;
    let mut table = table(["table", "rows"]);
    for (name, rows) in &report.rows {
        table.add_row([name.clone(), rows.to_string()]);
    }
    line(&table.trim_fmt())?;
    line(&format!("owners {would}added: {}", report.owners))?;
    line(&format!("sessions {would}stamped with a unix name: {}", report.stamped))?;
    counted(&format!("saved when the file was detached, and {would}restored"), &report.restored)?;
    list(
        "can't be told from what was guarded, and closed: others hold `none`, sessions have the stamp `(unknown)`",
        &report.closed,
    )?;
    list("levels that were lowered meanwhile, and stay so", &report.lowered)?;
    list("rights and unix names that were given meanwhile, and are withdrawn", &report.withdrawn)?;
    list("saved, and not restored: removed or replaced meanwhile", &report.gone)?;
    list(&format!("tables {would}added"), &report.tables)?;
    list(&format!("columns {would}added"), &report.columns)?;
    list("worktrees without an owner: only superadmins and the daemon manage them", &report.unowned)?;
    list("sessions whose creator is no user: they are nobody's own", &report.unattributed)?;
    list("rows whose parent is missing: nothing but the deletion of a parent can touch them", &report.orphans)?;
    list("rows that can't be read, or not in full", &report.unreadable)?;
    list("rows that are read with something changed", &report.inexact)?;
    list("keys of `data` that are columns too: the column counts", &report.shadowed)?;
    list("triggers of others that stay, since they write no guarded table", &report.left_alone)?;
    list("to be known", &report.notes)
}

pub(crate) fn checked(file: &Path, report: &CheckReport, json: bool) -> io::Result<()> {
    if json {
        let mut value = value(report)?;
        value["clean"] = report.is_clean().into();
        return object(file, value);
    }
    if report.is_clean() {
        line(&format!("the guards of `{}` are as they should be", file.display()))?;
    } else if report.outdated {
        line(&format!("`{}` is of an earlier version: opening it brings it up to date", file.display()))?;
    } else {
        line(&format!("the guards of `{}` are not what this version installs", file.display()))?;
    }
    list("missing", &report.missing)?;
    list("altered, or not aclite's", &report.altered)?;
    list("triggers of others that stay, since they write no guarded table", &report.left_alone)?;
    if let Some(remedy) = report.remedy() {
        line(remedy)?;
    }
    if report.rules.is_empty() {
        return Ok(());
    }
    line("rules that differ from the default ones, which is policy and no fault:")?;
    let mut table = table(["rule", "default", "here"]);
    for difference in &report.rules {
        let shown = |rule: &Option<String>| rule.clone().unwrap_or_else(|| "no such rule".to_owned());
        table.add_row([difference.rule.clone(), shown(&difference.default), shown(&difference.found)]);
    }
    line(&table.trim_fmt())
}

/// Says on stderr why the command failed. There is nobody left to tell where that fails too.
pub(crate) fn failure(failure: &Failure, json: bool) {
    let text = if json {
        let mut error = json!({ "code": failure.as_str(), "message": failure.to_string() });
        if let Failure::Store(Error::Tampered(tampered)) = failure {
            error["missing"] = json!(tampered.missing());
            error["altered"] = json!(tampered.altered());
        }
        json!({ "error": error }).to_string()
    } else {
        format!("aclite: {failure}")
    };
    let _ = writeln!(stderr().lock(), "{text}");
}

/// One JSON object, which names the file first.
fn object(file: &Path, result: Value) -> io::Result<()> {
    let mut whole = serde_json::Map::new();
    whole.insert("file".to_owned(), file.display().to_string().into());
    if let Value::Object(result) = result {
        whole.extend(result);
    }
    line(&Value::Object(whole).to_string())
}

fn value(report: &impl serde::Serialize) -> io::Result<Value> {
    Ok(serde_json::to_value(report)?)
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

/// A heading and its items; nothing where there are none.
fn list(heading: &str, items: &[String]) -> io::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    line(&format!("{heading}:"))?;
    items.iter().try_for_each(|item| line(&format!("  {item}")))
}

/// The same, of what there is more than one.
fn counted(heading: &str, items: &[(String, u64)]) -> io::Result<()> {
    list(heading, &items.iter().map(|(what, rows)| format!("{what}: {rows}")).collect::<Vec<_>>())
}

fn line(text: &str) -> io::Result<()> {
    writeln!(stdout().lock(), "{text}")
}
