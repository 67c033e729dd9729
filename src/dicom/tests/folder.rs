//! Folders of files, told by their content.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Made;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use vesalius_dicom::{Recording, is_dicom, open_folder};

#[test]
fn files_come_in_the_order_of_the_series_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, number) in
        [("z", Some("1")), ("b.jpg", Some("10")), ("a.dcm", Some("2")), ("c", None), ("y", Some("2"))]
    {
        let mut made = Made::grey(1);
        if let Some(number) = number {
            made.put(tags::INSTANCE_NUMBER, VR::IS, number);
        }
        std::fs::write(path(name), made.bytes()).unwrap();
    }
    std::fs::write(path("notes.dcm"), "not DICOM").unwrap();
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("broken"), &Made::grey(1).bytes()[..140]).unwrap();
    std::fs::create_dir(path("inside")).unwrap();
    let mut directory = Made::grey(1);
    directory.media_sop_class = "1.2.840.10008.1.3.10".into();
    std::fs::write(path("DICOMDIR"), directory.bytes()).unwrap();
    let listed = open_folder(folder.path()).unwrap();
    let names: Vec<_> = listed.iter().map(|e| e.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["z", "a.dcm", "y", "b.jpg", "broken", "c"]);
    assert!(Recording::open(&path("broken")).is_err());
    assert!(!is_dicom(&path("notes.dcm")).unwrap());
    assert!(open_folder(&path("missing")).is_err());
}
