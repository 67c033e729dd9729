//! Settings files of the protocols over beats and breaths say what the defaults are.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use vesalius_measure::protocol::ProtocolConfig;

#[test]
fn every_key_is_there_with_its_default() {
    for name in ["lv-function", "vessel", "ivc"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../configs/{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let config = ProtocolConfig::from_toml(&text).unwrap();
        assert_eq!(config, ProtocolConfig::from_name(name).unwrap(), "{name}");
        let (stated, all): (toml::Table, toml::Table) =
            (text.parse().unwrap(), toml::to_string(&config).unwrap().parse().unwrap());
        assert_eq!(stated, all, "{name}");
    }
}
