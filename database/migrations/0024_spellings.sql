-- One spelling for an address and for the host of a URL, whoever wrote it: keys are made of these. enrichment/spellings.py says the
-- same; the macros address_of and host_of spare most texts the call.
set local role landing_writer;

create function landing.address_of(sent text) returns text
language plpgsql immutable strict parallel safe as
$$
declare
    -- controls, blank, no-break and zero-width blanks, the mark at the start of a file
    blanks constant text := E'\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u0009\u000A\u000B\u000C\u000D\u000E\u000F\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F\u0020\u007F\u00A0\u200B\u3000\uFEFF';
    whole constant text := btrim(sent, blanks);
    -- of a list, as in X-Forwarded-For, the client is the first
    address text := btrim(split_part(whole, ',', 1), blanks);
    port text := '';
    -- Postgres takes more: networks, ::.80, 1.2.3.4.
    form constant text := '^([0-9]+(\.[0-9]+){3}|[0-9A-Fa-f:]*(:[0-9]+(\.[0-9]+){3})?)$';
begin
    if address !~ form or not pg_input_is_valid(address, 'inet') then
        if starts_with(address, '[') then
            port := split_part(address, ']', 2);
            address := split_part(substr(address, 2), ']', 1);
        elsif length(address) - length(replace(address, ':', '')) = 1 then
            port := ':' || split_part(address, ':', 2);
            address := split_part(address, ':', 1);
        end if;
        -- fe80::1%eth0: a zone means something on the machine alone that wrote it
        if position(':' in address) > 0 then
            address := split_part(address, '%', 1);
        end if;
        if address !~ form or not pg_input_is_valid(address, 'inet') or port !~ '^(:[0-9]*)?$' then
            return nullif(whole, '');
        end if;
    end if;
    return case when address::inet << '::ffff:0:0/96' then substr(host(address::inet), 8) else host(address::inet) end;
end
$$;
comment on function landing.address_of(text) is
'An address in the one spelling that its key is made of: without port, brackets, zone and leading zeros; IPv6 as Postgres writes it; an IPv4 address in IPv6 as that; of a list the first. A text that is no address: as it is, without blanks around. Null for none.';

create function landing.punycode(label text) returns text
language plpgsql immutable strict parallel safe as
$$
declare
    codes constant integer[] := array(select ascii(letter) from string_to_table(label, null) as letter);
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    encoded text := regexp_replace(label, '[^\u0001-\u007F]', '', 'g');
    done integer := length(encoded);
    basic integer := done;
    threshold integer := 128;
    bias integer := 72;
    delta integer := 0;
    least_left integer;
    code integer;
    rest integer;
    place integer;
    bound integer;
begin
    if basic > 0 then
        encoded := encoded || '-';
    end if;
    while done < cardinality(codes) loop
        select min(c) into least_left from unnest(codes) as c where c >= threshold;
        delta := delta + (least_left - threshold) * (done + 1);
        threshold := least_left;
        foreach code in array codes loop
            delta := delta + (code < threshold)::integer;
            continue when code <> threshold;
            rest := delta;
            place := 36;
            loop
                bound := least(greatest(place - bias, 1), 26);
                exit when rest < bound;
                encoded := encoded || substr(digits, bound + (rest - bound) % (36 - bound) + 1, 1);
                rest := (rest - bound) / (36 - bound);
                place := place + 36;
            end loop;
            encoded := encoded || substr(digits, rest + 1, 1);
            -- RFC 3492, 6.1
            delta := delta / case when done = basic then 700 else 2 end;
            delta := delta + delta / (done + 1);
            place := 0;
            while delta > 455 loop
                delta := delta / 35;
                place := place + 36;
            end loop;
            bias := place + 36 * delta / (delta + 38);
            delta := 0;
            done := done + 1;
        end loop;
        delta := delta + 1;
        threshold := threshold + 1;
    end loop;
    return encoded;
end
$$;
comment on function landing.punycode(text) is 'A label of a host in Punycode (RFC 3492), without the xn-- before it. For lower-case labels of up to 63 characters.';

create function landing.host_of(url text) returns text
language plpgsql immutable strict parallel safe as
$$
declare
    host text;
    blanks constant text := E'\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u0009\u000A\u000B\u000C\u000D\u000E\u000F\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F\u0020\u007F\u00A0\u200B\u3000\uFEFF';
    rest text := translate(btrim(url, blanks), E'\t\n\r', '');
    scheme text;
    port text;
begin
    if starts_with(rest, '//') then
        scheme := 'https';
    else
        scheme := split_part(rest, ':', 1);
        if length(scheme) = length(rest) or scheme !~ '^[A-Za-z][A-Za-z0-9+.-]*$' then
            return null;
        end if;
        rest := substr(rest, length(scheme) + 2);
        scheme := lower(scheme);
    end if;
    if scheme = 'file' then
        return 'file://';
    elsif scheme in ('http', 'https', 'ws', 'wss', 'ftp') then
        rest := ltrim(translate(rest, '\', '/'), '/');
    elsif starts_with(rest, '//') then
        rest := substr(rest, 3);
    else
        return null;
    end if;

    -- user and password end at the last @ before the path: they are nobody's business
    host := split_part(split_part(split_part(split_part(rest, '/', 1), '?', 1), '#', 1), '@', -1);
    if starts_with(host, '[') then
        port := split_part(host, ']', 2);
        host := landing.address_of(split_part(substr(host, 2), ']', 1));
        if host is null or not pg_input_is_valid(host, 'inet') or host(host::inet) <> host then
            return null;
        end if;
        host := case family(host::inet) when 6 then '[' || host || ']' else host end;
    else
        port := substr(host, length(split_part(host, ':', 1)) + 1);
        host := lower(split_part(host, ':', 1));
        -- no name is longer than 253, and the normal form of a long row of accents takes its square
        if length(host) <> octet_length(host) and length(host) <= 253 then
            host := lower(normalize(translate(host, U&'\3002\FF61', '..'), nfkc));
            host := (
                select string_agg(case
                    when length(label) = octet_length(label) or length(label) > 63 then label
                    else 'xn--' || landing.punycode(label)
                end, '.' order by number)
                from string_to_table(host, '.') with ordinality as labels (label, number)
            );
        end if;
        host := rtrim(host, '.');
        -- also what became such a sign by its normal form
        if host = '' or translate(host, blanks || '<>"^`{|}/\?#@:[]', '') <> host then
            return null;
        end if;
    end if;
    return case when port ~ '^(:[0-9]*)?$' then host end;
end
$$;
comment on function landing.host_of(text) is
'Host of a URL in one spelling: lower case, Punycode, without user, password, port and trailing dots. file:// for a page that was saved to a file. Null where there is none: a relative URL, about:blank, data:, a port that is no number.';

reset role;
set local role transformer;

alter table enrichment.progress add column spellings text, add column spelled_to bigint not null default 0;
comment on column enrichment.progress.spellings is
'Version of the spellings of addresses and hosts that the texts up to position were found by. An older one: they are found again, load by load, for facts that a full refresh fills anew.';
comment on column enrichment.progress.spelled_to is 'How far that has come; 0 when it is done.';

reset role;
