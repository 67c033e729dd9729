//! Every settings file that comes with the program is read, and says what the defaults are.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::path::Path;

use vesalius_measure::protocol::ProtocolConfig;

#[test]
fn every_file_of_settings_is_its_protocols_defaults_key_by_key() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Profiles of whole jobs lie in a folder of their own, and are read by their own tests.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let config = ProtocolConfig::from_toml(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(config.name()));
        assert_eq!(config, ProtocolConfig::from_name(config.name()).unwrap(), "{}", path.display());
        // A key that is left out would have its default, and nobody would know that it is there.
        let stated: toml::Table = text.parse().unwrap();
        let all: toml::Table = toml::to_string(&config).unwrap().parse().unwrap();
        assert_eq!(stated, all, "{}", path.display());
        seen.push(config.name());
    }
    seen.sort_unstable();
    let mut names = ProtocolConfig::NAMES;
    names.sort_unstable();
    assert_eq!(seen, names, "each protocol has a file");
}
