//! Reports to hand in, and the forms in which they come.

use std::io::Write as _;

/// 2026-03-22, the day before the clock's.
pub const BEGIN: i64 = 1_774_137_600;

/// A TLS report about example.com with failures.
pub fn tls_report() -> &'static str {
    include_str!("../../../fixtures/tls/two-policies.json")
}

/// A report about one whole day.
#[derive(Debug, Clone)]
pub struct Sample {
    pub domain: String,
    pub report_id: String,
    pub org_name: String,
    pub begin: i64,
    pub rows: Vec<Row>,
    /// Text inside a `reason`, already escaped for XML.
    pub comment: Option<String>,
}

/// Messages from one address.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub source: &'static str,
    pub count: u64,
    pub dkim: &'static str,
    pub spf: &'static str,
    pub disposition: &'static str,
}

pub const PASS: Row = Row {
    source: "198.51.100.1",
    count: 10,
    dkim: "pass",
    spf: "pass",
    disposition: "none",
};
pub const FAIL: Row = Row {
    source: "203.0.113.50",
    count: 3,
    dkim: "fail",
    spf: "fail",
    disposition: "reject",
};

impl Sample {
    pub fn new(domain: &str, report_id: &str, rows: &[Row]) -> Self {
        Self {
            domain: domain.to_owned(),
            report_id: report_id.to_owned(),
            org_name: "google.com".to_owned(),
            begin: BEGIN,
            rows: rows.to_vec(),
            comment: None,
        }
    }

    pub fn xml(&self) -> Vec<u8> {
        let Self {
            domain,
            report_id,
            org_name,
            begin,
            ..
        } = self;
        let end = begin + 86_400;
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback><report_metadata><org_name>{org_name}</org_name>\
             <email>noreply-dmarc-support@google.com</email><report_id>{report_id}</report_id>\
             <date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>\
             <policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>s</aspf><p>reject</p><sp>none</sp>\
             <pct>100</pct></policy_published>\n"
        );
        for row in &self.rows {
            let reason = self
                .comment
                .as_ref()
                .map(|comment| format!("<reason><type>local_policy</type><comment>{comment}</comment></reason>"));
            xml += &format!(
                "<record><row><source_ip>{}</source_ip><count>{}</count><policy_evaluated>\
                 <disposition>{}</disposition><dkim>{}</dkim><spf>{}</spf>{}</policy_evaluated></row>\
                 <identifiers><header_from>{domain}</header_from></identifiers><auth_results>\
                 <dkim><domain>{domain}</domain><selector>s1</selector><result>{}</result></dkim>\
                 <spf><domain>{domain}</domain><result>{}</result></spf></auth_results></record>\n",
                row.source,
                row.count,
                row.disposition,
                row.dkim,
                row.spf,
                reason.unwrap_or_default(),
                row.dkim,
                row.spf,
            );
        }
        (xml + "</feedback>\n").into_bytes()
    }
}

/// A report with `results` results of each kind per record, and texts of `text_bytes` bytes.
pub fn wide(rows: usize, results: usize, text_bytes: usize) -> Vec<u8> {
    let row = String::from_utf8(Sample::new("example.com", "wide", &[FAIL]).xml()).unwrap();
    let (head, rest) = row.split_once("<record>").unwrap();
    let (record, tail) = rest.split_once("</record>").unwrap();
    let mut xml = head.to_owned();
    for nth in 0..rows {
        let text = |of: &str, one: usize| format!("{of}{nth}.{one}.{}", "x".repeat(text_bytes));
        let reasons: String = (0..results)
            .map(|one| {
                format!(
                    "<reason><type>other</type><comment>{}</comment></reason>",
                    text("r", one)
                )
            })
            .collect();
        let dkim: String = (0..results)
            .map(|one| {
                format!(
                    "<dkim><domain>d{one}.example</domain><selector>s{nth}</selector><result>fail</result>\
                     <human_result>{}</human_result></dkim>",
                    text("k", one)
                )
            })
            .collect();
        let record = record.replace("</policy_evaluated>", &format!("{reasons}</policy_evaluated>"));
        xml += &format!(
            "<record>{}</record>",
            record.replace("<auth_results>", &format!("<auth_results>{dkim}"))
        );
    }
    (xml + tail).into_bytes()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .start_file("report.xml", zip::write::SimpleFileOptions::default())
        .unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A mail with the report's XML as its attachment.
pub fn mail(xml: &[u8]) -> Vec<u8> {
    let mut mail = b"From: noreply-dmarc-support@google.com\r\nTo: x@rua.tally.example\r\nSubject: Report Domain: example.com\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --b\r\nContent-Type: text/xml; name=report.xml\r\nContent-Disposition: attachment; filename=report.xml\r\n\r\n"
        .to_vec();
    mail.extend_from_slice(xml);
    mail.extend_from_slice(b"\r\n--b--\r\n");
    mail
}

/// A form with these files.
pub fn form(files: &[&[u8]]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (nth, file) in files.iter().enumerate() {
        let head = format!(
            "--frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{nth}.xml\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    ("multipart/form-data; boundary=frontier".to_owned(), body)
}
