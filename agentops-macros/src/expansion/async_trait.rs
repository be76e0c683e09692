// #[tool(skip_all)]
// #[async_trait]
// impl Search for Web {
//     async fn find(&self, words: String) -> Vec<Page> {
//         self.client.get(words).await
//     }
// }

#[async_trait]
impl Search for Web {
    async fn find(&self, words: String) -> Vec<Page> {
        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Tool,
                "find",
                ::core::module_path!(),
                "Web::find",
                &[],
                true,
            ),
        );
        let mut __agentops_span = ::agentops::__private::later();
        #[allow(clippy::async_yields_async)]
        let __agentops_ret = ::agentops::__private::in_late_span(
                &mut __agentops_span,
                &__AGENTOPS_CALLSITE,
                async move {
                    {
                        #[allow(unreachable_code)]
                        if false {
                            let __agentops_expected: Vec<Page> = loop {};
                            return __agentops_expected;
                        }
                        #[allow(clippy::shadow_same)]
                        let words = words;
                        #[allow(clippy::needless_else)] { self.client.get(words).await }
                    }
                },
            )
            .await;
        ::agentops::__private::finish(
            &mut __agentops_span,
            &mut |__agentops_w| {
                use ::agentops::__private::ladder::*;
                match (&&::agentops::__private::Outcome(&__agentops_ret))
                    .agentops_outcome()
                {
                    ::core::result::Result::Ok(__agentops_value) => {
                        (&&&&::agentops::__private::Probe(__agentops_value))
                            .agentops_capture(__agentops_w);
                    }
                    ::core::result::Result::Err(__agentops_error) => {
                        (&&&&&&::agentops::__private::Fault(__agentops_error))
                            .agentops_fault(__agentops_w)
                    }
                }
            },
        );
        return __agentops_ret;
    }
}
