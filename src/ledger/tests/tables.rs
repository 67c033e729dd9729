//! Tables, read back.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use vesalius_ledger::tables::{FRAMES, VALUES, ValueTable, write_tables};

const VALUES_CSV: &str = "input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason
\"a,b.mp4\",0,0,head,bpd,74.25,mm,0.5,valid,
\"a,b.mp4\",1,40000000,head,gestational_age,,wk,,invalid,NO_CALIBRATION
";
const RESULTS: &str = r#"{"record":"run","schema":1}
{"record":"frame","input":"a,b.mp4","frame":0,"pts_ns":0,"size":[800,540],"status":"ok","age_ns":0,"calibration":null,"unlikeness":{"score":0.5,"threshold":1.0,"unlike":false},"structures":[{"name":"head","found":true,"pieces":1,"confidence":0.9,"border_fraction":0.0},{"name":"a\"b","found":false,"pieces":0,"confidence":null,"border_fraction":null,"withheld":"LOW_CONFIDENCE"}],"values":[]}
{"record":"frame","input":"a,b.mp4","frame":1,"pts_ns":40000000,"size":[800,540],"status":"missing","reason":"NO_RESULT_YET","age_ns":0,"calibration":null,"structures":[],"values":[]}
"#;

fn run(folder: &Path) {
    std::fs::write(folder.join("measurements.csv"), VALUES_CSV).unwrap();
    std::fs::write(folder.join("results.jsonl"), RESULTS).unwrap();
}

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(schema.iter().any(|pair| pair.key == "vesalius.schema" && pair.value.as_deref() == Some("1")));
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn field(row: &Row, name: &str) -> Field {
    row.get_column_iter().find(|(n, _)| *n == name).map(|(_, f)| f.clone()).unwrap()
}

#[test]
fn values_and_frames_read_back() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path());
    write_tables(folder.path(), "one").unwrap();
    let values = rows(&folder.path().join(VALUES));
    assert_eq!(values.len(), 2);
    assert_eq!(field(&values[0], "run"), Field::Str("one".into()));
    assert_eq!(field(&values[0], "input"), Field::Str("a,b.mp4".into()));
    assert_eq!(field(&values[0], "value"), Field::Double(74.25));
    assert_eq!(field(&values[0], "reason"), Field::Null);
    assert_eq!(field(&values[1], "value"), Field::Null);
    assert_eq!(field(&values[1], "pts_ns"), Field::Long(40_000_000));
    assert_eq!(field(&values[1], "reason"), Field::Str("NO_CALIBRATION".into()));
    let frames = rows(&folder.path().join(FRAMES));
    assert_eq!(frames.len(), 3);
    assert_eq!(field(&frames[0], "confidence"), Field::Double(0.9));
    assert_eq!(field(&frames[1], "structure"), Field::Str("a\"b".into()));
    assert_eq!(field(&frames[1], "withheld"), Field::Str("LOW_CONFIDENCE".into()));
    assert_eq!(field(&frames[2], "structure"), Field::Null);
    assert_eq!(field(&frames[2], "status"), Field::Str("missing".into()));
}

#[test]
fn tables_longer_than_a_group_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let count: i64 = 300_000;
    let mut csv = VALUES_CSV.lines().next().unwrap().to_owned() + "\n";
    for n in 0..count {
        csv += &format!("x,{n},{n},s,area,{n},mm2,,valid,\n");
    }
    std::fs::write(folder.path().join("measurements.csv"), csv).unwrap();
    let path = folder.path().join(VALUES);
    let mut table = ValueTable::create(&path).unwrap();
    table.add_run("r", folder.path()).unwrap();
    assert_eq!(table.rows(), count as u64);
    table.finish().unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), count);
    assert_eq!(reader.num_row_groups(), 2);
    let last = rows(&path).pop().unwrap();
    assert_eq!(field(&last, "value"), Field::Double((count - 1) as f64));
}

#[test]
fn what_is_no_run_is_one_line_and_leaves_no_table() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path());
    std::fs::write(folder.path().join("measurements.csv"), format!("{VALUES_CSV}x,one,0,s,n,1,mm,,valid,\n"))
        .unwrap();
    let error = write_tables(folder.path(), "one").unwrap_err().to_string();
    assert!(error.contains("line 4: frame or time is not a whole number"), "{error}");
    run(folder.path());
    std::fs::write(folder.path().join("results.jsonl"), format!("{RESULTS}{{\"half\":")).unwrap();
    let error = write_tables(folder.path(), "one").unwrap_err().to_string();
    assert!(error.contains("results.jsonl cannot be read, line 4"), "{error}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
