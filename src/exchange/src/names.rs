//! Names of structures, values and units as coded concepts.
//!
//! Codes are those of DICOM's context groups; what none of them has is a private code of our own name. An engine's classes
//! are known by name alone, so a name that means something else to its maker should not be one of these.

use crate::dicom::Code;
use vesalius_measure::track::TrackId;

/// SNOMED CT's Anatomical Structure: the category of what belongs to the body (CID 7150).
const ANATOMICAL: Code = Code::sct("91723000", "Anatomical Structure");
/// The category of what does not.
const PHYSICAL_OBJECT: Code = Code::sct("260787004", "Physical object");
/// The category of what is there and should not be.
const ABNORMAL: Code = Code::sct("49755003", "Morphologically Abnormal Structure");
const TISSUE: Code = Code::sct("85756007", "Tissue");

/// The class that a structure is of: `lesion#3` is a lesion.
pub fn class_of(structure: &str) -> &str {
    match TrackId::of_name(structure) {
        Some(_) => structure.rsplit_once('#').map_or(structure, |(class, _)| class),
        None => structure,
    }
}

/// Category and kind of a class (PS3.16, CID 7150 and the groups beneath it).
pub fn structure(class: &str) -> (Code, Code) {
    let anatomical = |value, meaning| (ANATOMICAL, Code::sct(value, meaning));
    match class {
        "head" => anatomical("69536005", "Head"),
        "nerve" => anatomical("91728009", "Nerve"),
        "vessel" => anatomical("59820001", "Blood Vessel"),
        "glottal_space" => anatomical("1307006", "Glottis"),
        "lv" | "left_ventricle" => anatomical("87878005", "Left ventricle"),
        "ivc" => anatomical("64131007", "Inferior vena cava"),
        "artery" => anatomical("51114001", "Artery"),
        "nodule" => (ABNORMAL, Code::sct("27925004", "Nodule")),
        "other_tissue" => (TISSUE, TISSUE),
        "intubation" => (PHYSICAL_OBJECT, Code::sct("26412008", "Endotracheal tube")),
        "surgical_tool" | "tool" => (PHYSICAL_OBJECT, Code::private(class)),
        "pathology" | "lesion" | "polyp" => (ABNORMAL, Code::private(class)),
        _ => (ANATOMICAL, Code::private(class)),
    }
}

/// What a value is, by its name in the protocols.
pub fn value(name: &str) -> Code {
    match name {
        "area" => Code::sct("42798000", "Area"),
        "perimeter" => Code::sct("131191004", "Perimeter"),
        "ellipse_circumference" => Code::sct("74551000", "Circumference"),
        "ellipse_major_axis" => Code::sct("131187009", "Major Axis"),
        "ellipse_minor_axis" => Code::sct("131188004", "Minor Axis"),
        "long_axis_length" => Code::sct("103339001", "Long axis"),
        "short_axis_diameter" => Code::sct("103340004", "Short axis"),
        "volume" => Code::sct("118565006", "Volume"),
        "length" => Code::sct("410668003", "Length"),
        "width" => Code::sct("103355008", "Width"),
        "head_circumference" => Code::loinc("11984-2", "Head Circumference"),
        "bpd" => Code::loinc("11820-8", "Biparietal Diameter"),
        "ofd" => Code::loinc("11851-3", "Occipital-Frontal Diameter"),
        "cephalic_index" => Code::loinc("11823-2", "Cephalic Index"),
        "gestational_age" => Code::loinc("11932-1", "HC, Hadlock 1984"),
        "edv" => Code::loinc("18026-5", "Left Ventricular End Diastolic Volume"),
        "esv" => Code::loinc("18148-7", "Left Ventricular End Systolic Volume"),
        "ejection_fraction" => Code::loinc("18043-0", "Left Ventricular Ejection Fraction by US"),
        "fractional_area_change" => Code::sct("399287000", "Left Ventricular Fractional Area Change"),
        "heart_rate" => Code::loinc("8867-4", "Heart rate"),
        _ => Code::private(name),
    }
}

/// A unit as UCUM writes it. UCUM has no pixel: as in CID 7460 it is an annotation.
pub fn unit(ucum: &str) -> Code {
    let (value, meaning) = match ucum {
        "1" => ("1", "no units"),
        "[px]" => ("{pixels}", "pixels"),
        "[px]2" => ("{pixels2}", "square pixels"),
        "[px]/s" => ("{pixels}/s", "pixels per second"),
        "[px]2/s" => ("{pixels2}/s", "square pixels per second"),
        "mm" => ("mm", "millimeter"),
        "mm2" => ("mm2", "square millimeter"),
        "%" => ("%", "percent"),
        "wk" => ("wk", "week"),
        "mL" => ("mL", "milliliter"),
        "s" => ("s", "second"),
        "/min" => ("/min", "per minute"),
        "deg" => ("deg", "degree"),
        "mm/s" => ("mm/s", "millimeter per second"),
        other => {
            let text: std::borrow::Cow<'static, str> = other.to_owned().into();
            return Code { value: text.clone(), scheme: "UCUM".into(), meaning: text };
        }
    };
    Code::new(value, "UCUM", meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_fits_and_every_object_has_its_class() {
        for unit in vesalius_measure::units::Unit::ALL {
            let code = super::unit(unit.ucum());
            assert!(
                !code.value.is_empty() && code.value.len() <= 16 && !code.value.contains('['),
                "{code:?}"
            );
        }
        assert_eq!((class_of("lesion#3"), class_of("head"), class_of("")), ("lesion", "head", ""));
    }
}
