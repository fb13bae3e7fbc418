//! What came of the cases: the table, and the same as JSON.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// How one device fared in one case. Times are counted from the cause, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeviceOutcome {
    pub(crate) device: String,
    /// What this device stands for in the case.
    pub(crate) part: String,
    pub(crate) passed: bool,
    /// Until no content was visible any more.
    pub(crate) covered_ms: Option<i64>,
    /// Until the sign-in page was up.
    pub(crate) sign_in_page_ms: Option<i64>,
    pub(crate) detail: String,
}

/// How one case went.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaseOutcome {
    pub(crate) key: &'static str,
    #[serde(skip)]
    pub(crate) title: &'static str,
    pub(crate) passed: bool,
    /// The worst over the devices.
    pub(crate) covered_ms: Option<i64>,
    /// The worst over the devices.
    pub(crate) sign_in_page_ms: Option<i64>,
    pub(crate) devices: Vec<DeviceOutcome>,
    pub(crate) detail: String,
}

impl CaseOutcome {
    /// Sums up the devices; `failure` is what stopped the case, if something did.
    pub(crate) fn new(
        key: &'static str,
        title: &'static str,
        devices: Vec<DeviceOutcome>,
        failure: Option<String>,
    ) -> Self {
        let mut complaints: Vec<String> = devices
            .iter()
            .filter(|device| !device.passed)
            .map(|device| format!("{}: {}", device.device, device.detail))
            .collect();
        complaints.extend(failure);
        Self {
            key,
            title,
            passed: complaints.is_empty() && !devices.is_empty(),
            covered_ms: devices.iter().filter_map(|device| device.covered_ms).max(),
            sign_in_page_ms: devices
                .iter()
                .filter_map(|device| device.sign_in_page_ms)
                .max(),
            devices,
            detail: complaints.join("; "),
        }
    }
}

/// Everything that was played.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    version: u32,
    server: String,
    cases: Vec<CaseOutcome>,
}

fn seconds(ms: Option<i64>) -> String {
    ms.map_or_else(String::new, |ms| {
        format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
    })
}

impl Report {
    pub(crate) fn new(server: String) -> Self {
        Self {
            version: 1,
            server,
            cases: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, case: CaseOutcome) {
        self.cases.push(case);
    }

    pub(crate) fn all_passed(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(|case| case.passed)
    }

    /// A line per case and a line per device in it.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header([
                "case",
                "",
                "cause → covered",
                "cause → sign-in page",
                "detail",
            ]);
        for column in [2, 3] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for case in &self.cases {
            table.add_row([
                format!("{} {}", case.key, case.title),
                if case.passed { "passed" } else { "FAILED" }.to_owned(),
                seconds(case.covered_ms),
                seconds(case.sign_in_page_ms),
                if case.passed {
                    String::new()
                } else {
                    case.detail.clone()
                },
            ]);
            for device in &case.devices {
                table.add_row([
                    format!("  {}: {}", device.device, device.part),
                    if device.passed { "" } else { "failed" }.to_owned(),
                    seconds(device.covered_ms),
                    seconds(device.sign_in_page_ms),
                    if device.passed {
                        device.detail.clone()
                    } else {
                        String::new()
                    },
                ]);
            }
        }
        table.to_string()
    }

    /// One line of JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("a report has no maps with strange keys")
    }
}
