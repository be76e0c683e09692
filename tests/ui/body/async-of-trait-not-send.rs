use std::future::Future;
use std::rc::Rc;

use agentops::tool;

pub trait Search {
    fn search(&self) -> impl Future<Output = u8> + Send;
}

pub struct Client;

impl Search for Client {
    #[tool]
    async fn search(&self) -> u8 {
        let shared = Rc::new(1);
        std::future::ready(()).await;
        *shared
    }
}
