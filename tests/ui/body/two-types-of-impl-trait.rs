use agentops::tool;

#[tool]
pub fn search(all: bool) -> impl Iterator<Item = u8> {
    if all {
        return vec![1_u8].into_iter();
    }
    std::iter::empty()
}
