//! Files as an editor sees them: YAML by the rules of YAML 1.2, held to a JSON Schema by a validator that is not ours.

use boon::{Compiler, SchemaIndex, Schemas};
use eightysix::document::{self, Node, Problems, Value as Written};
use serde_json::{Map, Value, json};

/// A schema that can be asked.
pub(crate) struct Editor {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Editor {
    pub(crate) fn of(schema: &Value) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("https://schema.invalid/it", schema.clone()).expect("a schema of its own");
        let index = compiler.compile("https://schema.invalid/it", &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("the schema is none: {error:#}"));
        Self { schemas, index }
    }

    /// Returns what is wrong with a file; nothing when it cannot be read as YAML at all, of which a schema knows nothing.
    pub(crate) fn told(&self, bytes: &[u8]) -> Option<String> {
        let mut problems = Problems::new();
        let root = document::read(&"x.yaml".into(), bytes, &mut problems)?;
        if !problems.is_empty() {
            return None;
        }
        self.schemas.validate(&as_json(&root), self.index).err().map(|error| format!("{error:#}"))
    }
}

/// Resolves plain values as the core schema of YAML 1.2 does, which editors go by.
fn as_json(node: &Node) -> Value {
    match &node.value {
        Written::Scalar { text, quoted: true } => json!(text),
        Written::Scalar { .. } if node.is_nothing() => Value::Null,
        Written::Scalar { text, quoted: false } => match node.as_flag() {
            Some(flag) => json!(flag),
            None => number(text).unwrap_or_else(|| json!(text)),
        },
        Written::Sequence(items) => items.iter().map(as_json).collect(),
        Written::Mapping(entries) => {
            let entries = entries.iter().map(|entry| (entry.key.to_string(), as_json(&entry.node)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if [".inf", ".Inf", ".INF"].contains(&unsigned) || [".nan", ".NaN", ".NAN"].contains(&text) {
        // JSON has no such number, but it is one.
        return Some(json!(0.5));
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return u64::from_str_radix(hexadecimal, 16).ok().map(|number| json!(number));
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(|number| json!(number));
    }
    if digits(unsigned) {
        let whole = text.strip_prefix('+').unwrap_or(text);
        let number = whole.parse::<u64>().map(|number| json!(number));
        return number.or_else(|_| whole.parse::<i64>().map(|number| json!(number))).ok().or(Some(json!(1e30)));
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = (digits(whole) && (fraction.is_empty() || digits(fraction))
        || whole.is_empty() && digits(fraction))
        && digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    if !is_number {
        return None;
    }
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
    Some(json!(float.unwrap_or(0.5)))
}
