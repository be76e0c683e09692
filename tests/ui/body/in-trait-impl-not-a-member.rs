pub struct Letters;

#[agentops::tool]
impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        None
    }

    fn previous(&mut self) -> Option<char> {
        None
    }
}
