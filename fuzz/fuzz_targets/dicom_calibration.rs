//! DICOM bytes to millimetres.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vesalius_fuzz::dicom_calibration(bytes));
