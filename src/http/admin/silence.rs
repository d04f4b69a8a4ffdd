//! Pause and resume, of one bot and of the house.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{Admin, Refusal, asker::Asker, bot_id, in_time};
use crate::store::Whom;

pub(super) async fn pause_bot(admin: Data<Admin>, path: Path<String>, by: Asker) -> Result<HttpResponse, Refusal> {
    pause(&admin, Whom::Bot(bot_id(path.as_str())?), by).await
}

pub(super) async fn pause_all(admin: Data<Admin>, by: Asker) -> Result<HttpResponse, Refusal> {
    pause(&admin, Whom::All, by).await
}

pub(super) async fn resume_bot(admin: Data<Admin>, path: Path<String>, by: Asker) -> Result<HttpResponse, Refusal> {
    resume(&admin, Whom::Bot(bot_id(path.as_str())?), by).await
}

pub(super) async fn resume_all(admin: Data<Admin>, by: Asker) -> Result<HttpResponse, Refusal> {
    resume(&admin, Whom::All, by).await
}

async fn pause(admin: &Admin, whom: Whom, Asker(by): Asker) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(in_time(admin.steering.pause(whom, by)).await?))
}

async fn resume(admin: &Admin, whom: Whom, Asker(by): Asker) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(in_time(admin.steering.resume(whom, by)).await?))
}
