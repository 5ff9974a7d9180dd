//! Query strings as PHP reads them: `filters[0][1][0]=GOODS`, brackets plain or percent-encoded.
//!
//! Must never guess: what a strict backend would not understand is an error with the sentence that goes into the
//! answer. Invariant: keys are unique and filters come out in the order of their outer index.

use std::collections::BTreeMap;

/// Values of one filter, or of `with`, at most: the watcher's second looks stay well below.
const VALUES_MAX: usize = 1_000;

/// A query, read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Query {
    /// Plain parameters: `page`, `limit`, `selects`, `status`, `can_print`.
    pub scalars: BTreeMap<String, String>,
    /// Related resources asked for, each once.
    pub with: Vec<String>,
    /// Filters, by outer index.
    pub filters: Vec<Filter>,
}

/// One filter: a field and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `filters[N][0]`.
    pub field: String,
    /// `filters[N][1]`.
    pub value: FilterValue,
}

/// What a filter compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterValue {
    /// `filters[N][1]=1`.
    One(String),
    /// `filters[N][1][M]=GOODS`, in the order of M.
    Several(Vec<String>),
}

#[derive(Default)]
struct Halves {
    field: Option<String>,
    one: Option<String>,
    several: BTreeMap<u32, String>,
}

/// Reads the part of a URL after `?`; an empty one is a query without parameters.
///
/// # Errors
/// Returns the sentence for the answer's `message`.
pub fn parse(raw: &str) -> Result<Query, String> {
    let mut query = Query::default();
    let mut with_indices = Vec::new();
    let mut filters: BTreeMap<u32, Halves> = BTreeMap::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        let (name, indices) = split_key(&key)?;
        match (name, indices.as_slice()) {
            ("with", [index]) => take_with(&mut query.with, &mut with_indices, index, value)?,
            ("filters", [outer, rest @ ..]) => {
                take_filter(filters.entry(number(outer, &key)?).or_default(), rest, &key, value)?;
            }
            ("with" | "filters", []) => return Err(format!("{name} must be an array")),
            (_, []) => {
                if query.scalars.insert(key.clone(), value).is_some() {
                    return Err(format!("{key} is given twice"));
                }
            }
            _ => return Err(format!("{key} is not a parameter")),
        }
    }
    for (index, halves) in filters {
        query.filters.push(join(index, halves)?);
    }
    Ok(query)
}

fn take_with(with: &mut Vec<String>, indices: &mut Vec<String>, index: &str, value: String) -> Result<(), String> {
    if !index.is_empty() {
        number(index, "with")?;
        if indices.iter().any(|known| known == index) {
            return Err(format!("with[{index}] is given twice"));
        }
        indices.push(index.to_owned());
    }
    if with.contains(&value) || with.len() >= VALUES_MAX {
        return Err(format!("with names {value} more than once"));
    }
    with.push(value);
    Ok(())
}

fn take_filter(halves: &mut Halves, rest: &[&str], key: &str, value: String) -> Result<(), String> {
    let twice = match rest {
        ["0"] => halves.field.replace(value).is_some(),
        ["1"] => halves.one.replace(value).is_some(),
        ["1", inner] => {
            if halves.several.len() >= VALUES_MAX {
                return Err(format!("{key} exceeds {VALUES_MAX} values"));
            }
            halves.several.insert(number(inner, key)?, value).is_some()
        }
        _ => return Err("Invalid filter parameters".to_owned()),
    };
    if twice { Err(format!("{key} is given twice")) } else { Ok(()) }
}

fn join(index: u32, halves: Halves) -> Result<Filter, String> {
    let Halves { field, one, several } = halves;
    let value = match (one, several.is_empty()) {
        (Some(one), true) => FilterValue::One(one),
        (None, false) => FilterValue::Several(several.into_values().collect()),
        (None, true) | (Some(_), false) => return Err("Invalid filter parameters".to_owned()),
    };
    let field = field.ok_or_else(|| format!("filters[{index}] has no field name"))?;
    Ok(Filter { field, value })
}

fn split_key(key: &str) -> Result<(&str, Vec<&str>), String> {
    let refuse = || format!("{key} has unbalanced brackets");
    let Some(open) = key.find('[') else {
        return if key.contains(']') { Err(refuse()) } else { Ok((key, Vec::new())) };
    };
    let inside = key[open..].strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(refuse)?;
    let indices: Vec<&str> = inside.split("][").collect();
    if indices.iter().any(|index| index.contains(['[', ']'])) { Err(refuse()) } else { Ok((&key[..open], indices)) }
}

fn number(index: &str, key: &str) -> Result<u32, String> {
    let plain = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    index.parse().ok().filter(|_| plain).ok_or_else(|| format!("{key} has an index that is not a number"))
}

fn decode(text: &str) -> Result<String, String> {
    let refuse = || "the query is not percent-encoded UTF-8".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().ok_or_else(refuse)?, rest.next().ok_or_else(refuse)?];
                let digits = std::str::from_utf8(&digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                u8::from_str_radix(digits.ok_or_else(refuse)?, 16).map_err(|_| refuse())?
            }
            b if b <= b' ' || b == 0x7f => return Err(refuse()),
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_examples_are_understood() {
        let several = FilterValue::Several(vec!["1".into(), "332".into()]);
        let by_id = vec![Filter { field: "id".into(), value: several }];
        for raw in [
            "filters[0][0]=id&filters[0][1][0]=1&filters[0][1][1]=332",
            "filters%5B0%5D%5B0%5D=id&filters%5B0%5D%5B1%5D%5B0%5D=1&filters%5b0%5d%5b1%5d%5b1%5d=332",
            "filters[7][1][4]=332&filters[7][1][2]=1&filters[7][0]=id",
        ] {
            assert_eq!(parse(raw).expect(raw).filters, by_id, "{raw}");
        }
        let raw = "page=1&limit=50&filters[0][0]=type&filters[0][1][0]=GOODS&filters[1][0]=inventory_behavior&filters[1][1]=0";
        let query = parse(raw).expect("published");
        assert_eq!(query.filters[1].value, FilterValue::One("0".into()));
        assert_eq!(query.scalars["limit"], "50");
        assert_eq!(parse("with[]=modifications&with[]=taxes").expect("published").with, ["modifications", "taxes"]);
        assert_eq!(parse("with[1]=station&with[0]=category").expect("published").with, ["station", "category"]);
        assert_eq!(parse("").expect("empty"), Query::default());
    }

    #[test]
    fn what_a_backend_would_misread_is_refused() {
        for raw in [
            "with=category",
            "with[0]=category&with[0]=station",
            "with[0]=station&with[1]=station",
            "with[x]=station",
            "filters=1",
            "filters[0]=id",
            "filters[0][0]=id",
            "filters[0][1]=1",
            "filters[0][2]=1",
            "filters[a][0]=id&filters[a][1]=1",
            "filters[0][0]=id&filters[0][1]=1&filters[0][1][0]=2",
            "filters[0][0]=id&filters[0][0]=type&filters[0][1]=1",
            "filters[0][0=id",
            "filters[[0]]=id",
            "page=1&page=2",
            "page]=1",
            "a[0]=1",
            "x=%zz",
            "x=%e2%28",
            "x=%",
            "x= y",
        ] {
            assert!(parse(raw).is_err(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(raw in "[a-z0-9%&=\\[\\]+]{0,60}|\\PC*") {
            let _ = parse(&raw);
        }
    }
}
