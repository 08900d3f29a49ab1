//! Where dimorph differs from HTTPX on purpose, and what waits.

/// A row that dimorph answers otherwise.
pub(crate) struct Divergence {
    /// The row's area.
    pub(crate) area: &'static str,
    /// The row's name.
    pub(crate) name: &'static str,
    /// The rule by which it differs.
    pub(crate) rule: &'static str,
    /// What dimorph does, as JSON in the shape of the verdict.
    pub(crate) instead: &'static str,
}

const fn diverges(
    area: &'static str,
    name: &'static str,
    rule: &'static str,
    instead: &'static str,
) -> Divergence {
    Divergence {
        area,
        name,
        rule,
        instead,
    }
}

/// HTTPX does one thing, dimorph another, by a rule.
pub(crate) const DIVERGES: &[Divergence] = &[];

/// What waits: area, name, and for what.
pub(crate) const DEFERRED: &[(&str, &str, &str)] = &[
    (
        "redirect_headers",
        "basic auth not re-sent cross origin",
        "authentication",
    ),
    (
        "redirect_headers",
        "basic auth kept same origin",
        "authentication",
    ),
    (
        "redirect_headers",
        "url userinfo, relative location",
        "authentication",
    ),
];
