-- Who asked to be forgotten.

CREATE TABLE erasures (
    user_id       uuid        PRIMARY KEY,
    requested_by  uuid        NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    state_keys    text[],
    erased_at     timestamptz
);
COMMENT ON TABLE erasures IS
    'Accounts to erase, and those erased: what still comes about them is not stored. No foreign key: nothing but the id is left.';
COMMENT ON COLUMN erasures.state_keys IS 'What is to be removed from the state store; null before it was looked for.';
CREATE INDEX erasures_open ON erasures (requested_at) WHERE erased_at IS NULL;

-- Events about one person that wait to be published, or were.
CREATE INDEX outbox_by_key ON outbox (partition_key);
