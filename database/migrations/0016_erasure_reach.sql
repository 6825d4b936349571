-- An erased identifier is known again in any case, and where it stands alone in a text.
set local role transformer;

alter table ops.erased_identifiers
    add column folded_key uuid,
    add column shape text,
    add column is_given boolean not null default true;
create index erased_identifiers_folded_key on ops.erased_identifiers (folded_key);
comment on column ops.erased_identifiers.folded_key is
'Salted hash of the identifier in lower case, where its case does not count; null of short ones.';
comment on column ops.erased_identifiers.shape is
'Lengths of its words with the signs between them, 8-4-4-4-12 of a UUID: words of this shape in new texts are compared with the hashes. Null of e-mails, which are known by their sign, and of those that are not looked for in texts.';
comment on column ops.erased_identifiers.is_given is 'Whether it was named to be erased; else it stood in a record of the person.';

reset role;
