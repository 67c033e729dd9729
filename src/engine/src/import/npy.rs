//! NumPy's files of one array, as far as tensors need: numbers in C order.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use half::f16;

/// An array as `numpy.save` wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, the last axis fastest.
    pub values: Vec<f64>,
    /// Whether they were whole numbers.
    pub is_whole: bool,
}

/// Reads the bytes of a `.npy` file.
///
/// # Errors
///
/// What is wrong with it, in a few words.
pub fn read(bytes: &[u8]) -> Result<Array, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("it is no .npy file: write it by numpy.save")?;
    let cut = || "it is cut off".to_owned();
    let (version, rest) = rest.split_at_checked(2).ok_or_else(cut)?;
    let count = if version.first() == Some(&1) { 2 } else { 4 };
    let (length, rest) = rest.split_at_checked(count).ok_or_else(cut)?;
    let length = length.iter().rev().fold(0_usize, |all, &byte| all << 8 | usize::from(byte));
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is no text".to_owned())?;
    if !value_of(header, "fortran_order").is_some_and(|text| text.starts_with("False")) {
        return Err(
            "its order is Fortran's: write it by numpy.save(file, numpy.ascontiguousarray(x))".to_owned()
        );
    }
    let shape = value_of(header, "shape").and_then(|text| text.strip_prefix('(')?.split_once(')'));
    let (shape, _) = shape.ok_or("its header has no shape")?;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape: Vec<usize> = axes
        .map(|axis| axis.parse().map_err(|_| format!("'{axis}' is no length of an axis")))
        .collect::<Result<_, _>>()?;
    let kind = value_of(header, "descr").unwrap_or("");
    let kind = kind.trim_start_matches(['\'', '"']).split(['\'', '"']).next().unwrap_or("");
    let (values, is_whole) = numbers(data, kind)?;
    let expected =
        shape.iter().try_fold(1_usize, |all, &axis| all.checked_mul(axis)).ok_or("its shape is too large")?;
    if values.len() < expected {
        return Err(cut());
    }
    Ok(Array { shape, values: values.into_iter().take(expected).collect(), is_whole })
}

/// What follows a key of the header's dictionary.
fn value_of<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn numbers(data: &[u8], kind: &str) -> Result<(Vec<f64>, bool), String> {
    macro_rules! of {
        ($type:ty, $whole:expr) => {{
            let (items, _) = data.as_chunks::<{ size_of::<$type>() }>();
            // What is whole is a label and small: exact in f64.
            #[allow(clippy::cast_lossless)]
            let values = items.iter().map(|item| <$type>::from_le_bytes(*item) as f64).collect();
            Ok((values, $whole))
        }};
    }
    match kind {
        "<f4" => of!(f32, false),
        "<f8" => of!(f64, false),
        "<f2" => {
            let (items, _) = data.as_chunks::<2>();
            Ok((items.iter().map(|item| f16::from_le_bytes(*item).to_f64()).collect(), false))
        }
        "|u1" | "|b1" => of!(u8, true),
        "|i1" => of!(i8, true),
        "<i2" => of!(i16, true),
        "<u2" => of!(u16, true),
        "<i4" => of!(i32, true),
        "<i8" => of!(i64, true),
        other => {
            Err(format!("its numbers are '{}': write f2, f4, f8, u1 or whole numbers", other.escape_debug()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `numpy.save` writes it: padded to 64 bytes, a line break at the end.
    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_of_every_kind_are_read() {
        let floats: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let array = read(&file("<f4", "False", "(1, 2)", &floats)).unwrap();
        assert_eq!(array, Array { shape: vec![1, 2], values: vec![1.5, -2.0], is_whole: false });
        let array = read(&file("|u1", "False", "(3,)", &[0, 7, 255])).unwrap();
        assert_eq!((array.values, array.is_whole), (vec![0.0, 7.0, 255.0], true));
        let array = read(&file("<i8", "False", "()", &(-3_i64).to_le_bytes())).unwrap();
        assert_eq!((array.shape.len(), array.values), (0, vec![-3.0]));
        let array = read(&file("<f2", "False", "(1,)", &f16::from_f32(0.5).to_le_bytes())).unwrap();
        assert_eq!(array.values, [0.5]);
    }

    #[test]
    fn what_is_none_says_why() {
        for (bytes, words) in [
            (b"hello".to_vec(), "numpy.save"),
            (file("<f4", "True", "(1,)", &[0; 4]), "Fortran"),
            (file("<f4", "False", "(9,)", &[0; 4]), "cut off"),
            (file("<c8", "False", "(1,)", &[0; 8]), "<c8"),
            (file("<f4", "False", "(99999999999, 99999999999)", &[0; 4]), "too large"),
            (b"\x93NUMPY\x01\x00\xff\xff".to_vec(), "cut off"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
