-- Who was erased, without who it was: by these salted hashes their identifiers are known again when records land once more.
set local role transformer;

create table ops.erasures (
    token text primary key,
    erased_at timestamptz not null default clock_timestamp(),
    last_erased_at timestamptz not null default clock_timestamp(),
    identifiers jsonb not null,
    changed_rows jsonb not null
);
comment on table ops.erasures is
'One row per person that `landfall erase` made unknown. token: what stands for them everywhere. No identifier of theirs is in it.';
comment on column ops.erasures.last_erased_at is 'When records of theirs were last erased, also such that had landed again.';
comment on column ops.erasures.identifiers is 'How many identifiers of each kind.';
comment on column ops.erasures.changed_rows is 'How many rows of each table were changed.';

create table ops.erased_identifiers (
    kind text not null check (kind in ('user', 'device', 'email', 'address')),
    key uuid not null,
    token text not null references ops.erasures deferrable initially deferred,
    replacement text not null,
    primary key (kind, key)
);
comment on table ops.erased_identifiers is
'One row per identifier of an erased person: its salted hash, and what it is replaced by whenever it lands again. Distinct ones stay distinct.';

reset role;
