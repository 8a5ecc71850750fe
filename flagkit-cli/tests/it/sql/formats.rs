//! Findings about SQL files in each output format.

use super::project;
use crate::support::Transcript;

const SQL: &str = "\
-- flagkit: contract split-name
ALTER TABLE customers DROP COLUMN full_name;
DROP TABLE names, \"old names\";
DO $$ BEGIN ALTER TABLE customers RENAME phone TO mobile; END $$;
-- flagkit: contrat finished
DROP VIEW open_orders;
CREATE VIEW open_orders AS SELECT 1;
-- flagkit: allow the table was never released
TRUNCATE drafts;
";

#[test]
fn findings_about_sql_files_in_each_format() {
    let folder = project("[project]\ndialect = \"postgres\"");
    folder.git(&["init", "-q"]);
    folder.write("db/migrations/20240101_a.up.sql", SQL);
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["check"]);
    transcript.text(&["check", "--format", "github"]);
    let ran = folder.run(&["check", "--format", "sarif"]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    transcript.shown("flagkit check --format sarif", &pretty, &ran.err, ran.code);
    transcript.check("check-sql");
}
