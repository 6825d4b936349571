-- A device that was erased is known again in facts that keep nothing but its key.
set local role transformer;

alter table ops.erased_identifiers add column device_hash uuid;
comment on column ops.erased_identifiers.device_hash is
'Salted hash of the key of a device, which facts keep when its id is shortened; null of other kinds.';

reset role;
