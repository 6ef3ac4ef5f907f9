//! The Rust clients, each as its callers use it. The argument says which.

mod flipt;
mod ofrep;
mod talk;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut talk = talk::Talk::new();
    match std::env::args().nth(1).as_deref() {
        Some("flipt") => flipt::play(&mut talk).await,
        Some("ofrep") => ofrep::play(&mut talk).await,
        other => panic!("no such client: {other:?}"),
    }
    talk.after("end");
}
