//! The contract as a JSON Schema, for whoever writes a program against it.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{HandlerAnswer, HandlerTurn, VERSION};

/// Both halves of the contract.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct Contract {
    /// What a program is told.
    turn: HandlerTurn,
    /// What it answers; plain text is one message.
    answer: HandlerAnswer,
}

/// The schema as it is committed in `schema/handler.schema.json`.
#[must_use]
pub fn schema() -> String {
    let mut schema: Schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Contract>();
    schema.insert("title".into(), format!("Botyard handler contract, version {VERSION}").into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_of_the_contract_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/handler.schema.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, schema()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == schema(),
            "`schema/handler.schema.json` is out of date: run `UPDATE_GOLDEN=1 cargo test --lib handlers::` and commit it"
        );
    }
}
