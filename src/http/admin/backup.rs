//! `POST` and `GET /v1/backup`: one is begun, and looked at until it is done.

use std::path::PathBuf;

use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::json;

use super::{Admin, Refusal, asker::Asker, in_time};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    file: PathBuf,
    #[serde(default)]
    force: bool,
}

pub(super) async fn begin(admin: Data<Admin>, body: Json<Where>, by: Asker) -> Result<HttpResponse, Refusal> {
    let Where { file, force } = body.into_inner();
    if !file.is_absolute() {
        return Err(Refusal::BadRequest("`file` must be an absolute path".to_owned()));
    }
    let begun = in_time(admin.steering.back_up(file, force, by.0)).await?;
    Ok(HttpResponse::Accepted().json(json!({ "backup": begun })))
}

pub(super) async fn newest(admin: Data<Admin>) -> Result<HttpResponse, Refusal> {
    let newest = in_time(admin.steering.backup()).await?;
    Ok(HttpResponse::Ok().json(json!({ "backup": newest })))
}
