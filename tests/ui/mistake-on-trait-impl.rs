pub struct Letters;

#[agentops::tool(name = "letters", skip(kye))]
impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        None
    }
}
