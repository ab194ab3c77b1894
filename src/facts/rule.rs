//! One row of `acl_rules`, as guards pass it.

use crate::level::Need;

/// What an operation needs, and whether it is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) needs: Need,
    pub(crate) needs_if_own: Option<Need>,
    audit_all: bool,
}

impl Rule {
    /// Whether what this rule allows leaves an audit row. Refused writes always do.
    pub(crate) const fn audits_allowed(self) -> bool {
        self.audit_all
    }

    /// Reads `NEEDS|NEEDS_IF_OWN|AUDIT`, the text of the view `acl_rule`. An unknown word is no rule.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('|');
        let needs = Need::of_rule(words.next()?)?;
        let needs_if_own = match words.next()? {
            "" => None,
            word => Some(Need::of_rule(word)?),
        };
        Some(Self { needs, needs_if_own, audit_all: words.next()? == "all" })
    }
}
