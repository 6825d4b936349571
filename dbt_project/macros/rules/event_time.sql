{# When an event happened. Null for whatever is no time in the stream's own notation, which makes the event `bad_event_time`. #}

{#
    The clock of a version-1 UUID (RFC 9562, 5.1): 100 ns since 1582-10-15, its low, middle and high parts in that order.
    Seconds and microseconds are added apart: as one double they would lose precision.
#}
{% macro uuid_v1_time(text) -%}
    case
        when {{ text }} ~* '^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
            then
                timestamptz '1970-01-01 00:00:00+00'
                + (({{ uuid_v1_microseconds(text) }}) / 1000000) * interval '1 second'
                + (({{ uuid_v1_microseconds(text) }}) % 1000000) * interval '1 microsecond'
    end
{%- endmacro %}

{# Microseconds since 1970; 122192928000000000 is the number of 100 ns from 1582-10-15 to then. #}
{% macro uuid_v1_microseconds(text) -%}
    (('x' || substr({{ text }}, 16, 3) || substr({{ text }}, 10, 4) || substr({{ text }}, 1, 8))::bit(60)::bigint - 122192928000000000) / 10
{%- endmacro %}

{# Epoch seconds, with a fraction or not; 13 digits are milliseconds. #}
{% macro epoch_time(text) -%}
    case
        when {{ text }} ~ '^[0-9]{1,10}(\.[0-9]{1,30})?$' then to_timestamp({{ text }}::double precision)
        when {{ text }} ~ '^[0-9]{13}$' then to_timestamp({{ text }}::bigint / 1000.0)
    end
{%- endmacro %}

{#
    ISO 8601 `date[T ]hh:mm:ss[.fraction][Z or ±hh:mm]`, hour up to 23, without a zone UTC. Postgres alone would also take `now`,
    `infinity`, `03/28/2026 10:15`; it is asked only whether the date exists.
#}
{% macro iso_time(text) -%}
    case
        when
            {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,30})?(Z|[+-][0-9]{2}:[0-9]{2})?$'
            and pg_input_is_valid({{ text }}, 'timestamptz')
            then (case when {{ text }} ~ '(Z|[+-][0-9]{2}:[0-9]{2})$' then {{ text }} else {{ text }} || 'Z' end)::timestamptz
    end
{%- endmacro %}

{# Whether an event claims to be from so far ahead of its record's time that it does not count as news. #}
{% macro is_from_future(event_at='event_at') -%}
    coalesce({{ event_at }} > coalesce(kafka_timestamp, landed_at) + interval '{{ var("furthest_ahead") }}', false)
{%- endmacro %}
