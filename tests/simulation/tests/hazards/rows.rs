//! The rows, as `rows.txt` lists them: `# Section`, `ID Title`, and below a row an indented remark.

/// A line of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Section(String),
    Row(Row),
}

/// A hazard, or something that a user must see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) remark: Option<Remark>,
}

/// What is to be said of a row beside its tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// It is still to be shown.
    NotYet(String),
    /// Something other than a test of this repository shows it, or nothing can.
    Elsewhere(String),
}

pub(crate) fn read(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            lines.push(Line::Section(title.to_owned()));
        } else if line.starts_with(' ') {
            let remark = remark(line.trim());
            match lines.last_mut() {
                Some(Line::Row(row)) if row.remark.is_none() => row.remark = Some(remark),
                other => panic!("{line:?} belongs to no row: {other:?}"),
            }
        } else {
            let (id, title) = line.split_once(' ').expect("an id and a title");
            let repeated = lines
                .iter()
                .any(|line| matches!(line, Line::Row(row) if row.id == id));
            assert!(!repeated, "{id} stands there twice");
            lines.push(Line::Row(Row {
                id: id.to_owned(),
                title: title.trim().to_owned(),
                remark: None,
            }));
        }
    }
    lines
}

fn remark(text: &str) -> Remark {
    match text.split_once(": ") {
        Some(("not yet", why)) => Remark::NotYet(why.to_owned()),
        Some(("elsewhere", what)) => Remark::Elsewhere(what.to_owned()),
        _ => panic!("{text:?} is no remark"),
    }
}

#[test]
fn rows_carry_their_remarks() {
    let lines = read("# A. One\nA01 A title\nA02 Another\n    not yet: why\n");
    let row = |id: &str, title: &str, remark| {
        Line::Row(Row {
            id: id.to_owned(),
            title: title.to_owned(),
            remark,
        })
    };
    assert_eq!(
        lines,
        [
            Line::Section("A. One".to_owned()),
            row("A01", "A title", None),
            row("A02", "Another", Some(Remark::NotYet("why".to_owned()))),
        ]
    );
}
