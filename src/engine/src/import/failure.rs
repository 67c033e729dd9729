//! Why ONNX Runtime does not take a model, in words that say what to do.
//!
//! The runtime's own messages begin with paths of its source files and explain its releases; what is wrong stands at their
//! ends. They are recognised by their fixed words (tried with ONNX Runtime 1.31 and 1.32); any other is passed on as it is.

use super::facts::ModelFacts;
use crate::error::one_line;
use crate::runtime;

/// Domains whose operators ONNX Runtime has itself.
const KNOWN_DOMAINS: [&str; 6] = [
    "",
    "ai.onnx.ml",
    "ai.onnx.training",
    "ai.onnx.preview.training",
    "com.microsoft",
    "com.microsoft.nchwc",
];

/// What is wrong with a model that could not be loaded, and what to do; one line.
pub(crate) fn explain(model: &[u8], message: &str) -> String {
    let version = runtime::loaded().map_or_else(String::new, |runtime| format!(" {}", runtime.version));
    let facts = ModelFacts::read(model);
    explained(facts.as_ref(), message, &version).unwrap_or_else(|| one_line(message))
}

fn explained(facts: Option<&ModelFacts>, message: &str, version: &str) -> Option<String> {
    let Some(facts) = facts else {
        return Some("it is no whole ONNX file".to_owned());
    };
    if let Some(limit) = number_after(message, "max supported IR version:") {
        return Some(format!(
            "its format is ONNX IR version {}, and ONNX Runtime{version} reads up to {limit}: save it with an older package \
             onnx, or set its ir_version to {limit}",
            facts.ir_version
        ));
    }
    if let Some(limit) = number_after(message, "is till opset") {
        return Some(format!(
            "its opset {} is too new, for ONNX Runtime{version} knows up to {limit}: export it with an opset of {limit} or less",
            facts.opset()
        ));
    }
    let missing = missing_operators(facts, message);
    if !missing.is_empty() {
        return Some(format!(
            "ONNX Runtime{version} has no operator {}: export it without {}",
            missing.join(", "),
            if missing.len() == 1 { "it" } else { "them" }
        ));
    }
    if let Some(file) = facts.external_files.first() {
        return Some(format!(
            "its weights lie in another file ('{}'), and an engine is one file: take it in by 'vesalius engine import'",
            file.escape_debug()
        ));
    }
    None
}

/// The operators that a message complains of, and with one that is no part of ONNX Runtime all others like it.
fn missing_operators(facts: &ModelFacts, message: &str) -> Vec<String> {
    let after = |words: &str| {
        let rest = message.split(words).nth(1)?;
        let name = rest.trim_start().split([' ', '(', ',']).next()?.trim();
        (!name.is_empty()).then(|| name.to_owned())
    };
    let complains = ["is not a registered function/op", "No opset import for domain", "No Op registered for"];
    if complains.iter().any(|words| message.contains(words)) {
        let strange = facts.operators.iter().filter(|(domain, _)| !KNOWN_DOMAINS.contains(&domain.as_str()));
        let named: Vec<_> = strange
            .flat_map(|(domain, names)| names.iter().map(move |name| format!("{domain}:{name}")))
            .collect();
        if !named.is_empty() && !message.contains("No Op registered for") {
            return named;
        }
    }
    let one =
        after("No Op registered for").or_else(|| after("Could not find an implementation for")).or_else(
            || message.contains("is not a registered function/op").then(|| after("Fatal error:")).flatten(),
        );
    one.into_iter().collect()
}

fn number_after(message: &str, words: &str) -> Option<u64> {
    let rest = message.split(words).nth(1)?.trim_start();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(domain: &str, names: &[&str]) -> ModelFacts {
        let mut facts = ModelFacts { ir_version: 20, ..ModelFacts::default() };
        facts.opsets.insert(String::new(), 40);
        facts.operators.insert(domain.to_owned(), names.iter().map(|&name| name.to_owned()).collect());
        facts
    }

    #[test]
    fn what_the_runtime_says_becomes_one_line_that_helps() {
        let own = facts("", &["Relu"]);
        let strange = facts("com.foo", &["MyOp", "Other"]);
        for (facts, message, words) in [
            (
                &own,
                "/onnxruntime_src/a.h:46 void f(int) ONNX Runtime only *guarantees* support for models stamped with official \
                 released onnx opset versions. Opset 40 is under development and support for this is limited. Current official \
                 support for domain ai.onnx is till opset 28.",
                &["opset 40", "up to 28"][..],
            ),
            (
                &own,
                "m.cc:256 f() Unsupported model IR version: 20, max supported IR version: 14",
                &["version 20", "up to 14"],
            ),
            (
                &strange,
                "Fatal error: com.foo:MyOp(-1) is not a registered function/op",
                &["com.foo:MyOp, com.foo:Other"],
            ),
            (
                &strange,
                "In Node, (\"\", MyOp) , Error No opset import for domain 'com.foo'",
                &["com.foo:MyOp"],
            ),
            (
                &own,
                "In Node, Error No Op registered for NoSuch with domain_version of 17",
                &["no operator NoSuch:"],
            ),
            (&own, "Could not find an implementation for Relu(14) node with name ''", &["no operator Relu:"]),
        ] {
            let text = explained(Some(facts), message, " 1.31.1").unwrap();
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
            assert!(!text.contains('\n') && !text.contains("onnxruntime_src"), "{text}");
        }
        assert_eq!(explained(Some(&own), "something new", ""), None);
        assert!(explain(b"no model", "protobuf parsing failed").contains("no whole ONNX file"));
    }
}
