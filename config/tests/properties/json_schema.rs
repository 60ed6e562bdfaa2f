//! As much of JSON Schema, draft 7, as the schema uses. Refuses to guess what it does not know.

use regex_lite::Regex;
use serde_json::Value;

pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        if !holds(keyword, wanted, schema, value)? {
            return Err(format!("{value} does not meet {keyword}: {wanted}"));
        }
    }
    Ok(())
}

fn holds(keyword: &str, wanted: &Value, schema: &Value, value: &Value) -> Result<bool, String> {
    Ok(match keyword {
        "$schema" | "title" | "description" | "default" | "examples" => true,
        "type" => match wanted {
            Value::Array(kinds) => kinds.iter().any(|kind| is(kind, value)),
            kind => is(kind, value),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "anyOf" => wanted.as_array().unwrap().iter().any(|schema| check(schema, value).is_ok()),
        "pattern" => {
            value.as_str().is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text))
        }
        "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= wanted.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "items" => {
            value.as_array().into_iter().flatten().try_for_each(|item| check(wanted, item))?;
            true
        }
        "required" => {
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || wanted.as_array().unwrap().iter().all(has)
        }
        "propertyNames" => {
            let mut names =
                value.as_object().into_iter().flatten().map(|(name, _)| Value::from(name.as_str()));
            names.try_for_each(|name| check(wanted, &name))?;
            true
        }
        "properties" => {
            for (name, schema) in wanted.as_object().unwrap() {
                value.get(name).map_or(Ok(()), |field| check(schema, field))?;
            }
            true
        }
        "additionalProperties" => {
            let known = |name: &str| schema.get("properties").is_some_and(|known| known.get(name).is_some());
            let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
            match wanted {
                Value::Bool(allowed) => *allowed || others.next().is_none(),
                schema => {
                    others.try_for_each(|(_, field)| check(schema, field))?;
                    true
                }
            }
        }
        other => return Err(format!("the keyword `{other}` is not known here")),
    })
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("the type `{other}` is not known here"),
    }
}
