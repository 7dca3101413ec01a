"""One job: a block from its beginning, or its checkpoint, to disk; and its policies, played and filmed."""
