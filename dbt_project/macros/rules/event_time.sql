{#
    When an event happened. Null for whatever is no time in the stream's own notation, or is out of bounds, which makes the event
    `bad_event_time`. What is finer than a microsecond is cut off: rounded, 23:59:59.9999999 would be of the next day.
#}

{#
    An instant that a mart can hold and every reader of it can show: from var earliest_event_time to less than furthest_event_time after
    its record's time; else null. Written so that `instant`, a long expression, is worked out once.
#}
{% macro within_event_bounds(instant) -%}
    nullif(
        greatest(
            nullif(
                least({{ instant }}, {{ record_time() }} + interval '{{ var("furthest_event_time") }}'),
                {{ record_time() }} + interval '{{ var("furthest_event_time") }}'
            ),
            timestamptz '{{ var("earliest_event_time") }}' - interval '1 microsecond'
        ),
        timestamptz '{{ var("earliest_event_time") }}' - interval '1 microsecond'
    )
{%- endmacro %}

{#
    When a record was sent, as far as that can be true: Kafka's time is the producer's clock, which may be ahead of ours, and where it is
    before 2011, the year of Kafka's first release, it is seconds in place of milliseconds or a clock that was never set.
#}
{% macro record_time(relation=none) -%}
    {%- set of = relation ~ '.' if relation else '' -%}
    least(case when {{ of }}kafka_timestamp >= timestamptz '2011-01-01 00:00:00+00' then {{ of }}kafka_timestamp end, {{ of }}landed_at)
{%- endmacro %}

{#
    The clock of a version-1 UUID (RFC 9562, 5.1): 100 ns since 1582-10-15, its low, middle and high parts in that order. An interval is
    multiplied as a double, which holds each microsecond up to 2255, and what is later than that is out of bounds.
#}
{% macro uuid_v1_time(text) -%}
    {{ within_event_bounds(uuid_v1_clock(text)) }}
{%- endmacro %}

{% macro uuid_v1_clock(text) -%}
    case
        when {{ is_uuid_v1(text) }}
            then timestamptz '1970-01-01 00:00:00+00' + ({{ uuid_v1_microseconds(text) }}) * interval '1 microsecond'
    end
{%- endmacro %}

{#
    Whether a text is a version-1 UUID in its usual form. Postgres alone would also take braces and other hyphens; with all four in their
    places and 36 characters only hexadecimal digits are left. A pattern costs five times as much.
#}
{% macro is_uuid_v1(text) -%}
    (
        {{ text }} like '________-____-1___-____-____________' and substr({{ text }}, 20, 1) in ('8', '9', 'a', 'b', 'A', 'B')
        and pg_input_is_valid({{ text }}, 'uuid')
    )
{%- endmacro %}

{# Microseconds since 1970; 122192928000000000 is the number of 100 ns from 1582-10-15 to then. #}
{% macro uuid_v1_microseconds(text) -%}
    (('x' || substr({{ text }}, 16, 3) || substr({{ text }}, 10, 4) || substr({{ text }}, 1, 8))::bit(60)::bigint - 122192928000000000) / 10
{%- endmacro %}

{#
    Epoch seconds, with a fraction or not; 13 digits are milliseconds. Seconds and what is behind the point are read apart: as one double,
    1791763199.9999999 is the next second. Ten digits, the common form, come first: a pattern of one loop costs a tenth of the general one.
#}
{% macro epoch_time(text) -%}
    {{ within_event_bounds(epoch_clock(text)) }}
{%- endmacro %}

{% macro epoch_clock(text) -%}
    case
        when length({{ text }}) = 10 and {{ text }} ~ '^[0-9]+$' then to_timestamp({{ text }}::bigint)
        when {{ text }} ~ '^[0-9]{1,10}(\.[0-9]{1,30})?$'
            then
                to_timestamp(split_part({{ text }}, '.', 1)::bigint)
                + rpad(left(split_part({{ text }}, '.', 2), 6), 6, '0')::integer * interval '1 microsecond'
        when {{ text }} ~ '^[0-9]{13}$'
            then to_timestamp(left({{ text }}, 10)::bigint) + right({{ text }}, 3)::integer * interval '1 millisecond'
    end
{%- endmacro %}

{#
    ISO 8601 `date[T ]hh:mm:ss[.fraction][Z or ±hh:mm]`, hour up to 23, without a zone UTC. Postgres alone would also take `now`,
    `infinity`, `03/28/2026 10:15`; it is asked only whether the date exists.
#}
{% macro iso_time(text) -%}
    {{ within_event_bounds(iso_clock(text)) }}
{%- endmacro %}

{% macro iso_clock(text) -%}
    case
        when {{ is_common_iso_time(text) }} and pg_input_is_valid({{ text }}, 'timestamptz') then {{ text }}::timestamptz
        when
            {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,30})?(Z|[+-][0-9]{2}:[0-9]{2})?$'
            and pg_input_is_valid({{ text }}, 'timestamptz')
            then (
                case when {{ text }} ~ '(Z|[+-][0-9]{2}:[0-9]{2})$' then {{ whole_microseconds(text) }} else {{ whole_microseconds(text) }} || 'Z' end
            )::timestamptz
    end
{%- endmacro %}

{#
    The common form, `yyyy-mm-ddThh:mm:ss.` with one to six digits and `Z`, told by the places of its signs and by a pattern of few steps,
    which costs a fifth of the general one. All else is digits, as there are no more signs; 24 hours and 60 seconds Postgres would take.
#}
{% macro is_common_iso_time(text) -%}
    (
        {{ text }} like '____-__-__T__:__:__._%Z' and length({{ text }}) <= 27
        and {{ text }} ~ '^[-0-9]+T[0-9:.]+Z$'
        and {{ text }} not like '%-%-%-%' and {{ text }} not like '%:%:%:%' and {{ text }} not like '%.%.%'
        and {{ text }} not like '___________24%' and {{ text }} not like '_________________60%'
    )
{%- endmacro %}

{# A time as text without what is behind its sixth digit; up to 26 characters there are no such digits. #}
{% macro whole_microseconds(text) -%}
    case when length({{ text }}) > 26 then regexp_replace({{ text }}, '(\.[0-9]{6})[0-9]+', '\1') else {{ text }} end
{%- endmacro %}

{#
    When an event happened, by the unit of its contract (eventTimeUnit): the one macro of a stream that has no notation of its own.
    timestamptz or null, never an error, whatever the text. `format`: the template of unit `format` (eventTimeFormat). `zone`: that of
    times without an offset (eventTimeZone). landing_stream/event_time.py reads the same in Python.
#}
{% macro event_time(expression, unit, format=none, zone='UTC') -%}
    {%- if unit == 'epoch_seconds' -%}
        {{ epoch_time(expression) }}
    {%- elif unit == 'uuid_v1' -%}
        {{ uuid_v1_time(expression) }}
    {%- elif unit in ('epoch_milliseconds', 'epoch_microseconds', 'epoch_nanoseconds') -%}
        {{ within_event_bounds(epoch_clock_of(expression, {'epoch_milliseconds': 3, 'epoch_microseconds': 6, 'epoch_nanoseconds': 9}[unit])) }}
    {%- elif unit == 'iso8601' -%}
        {{ within_event_bounds(iso_clock_of_zone(expression, zone)) }}
    {%- elif unit == 'format' -%}
        {{ within_event_bounds(template_clock(expression, format, zone)) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error("event_time: '" ~ unit ~ "' is no unit of an event time; write one of a contract's eventTimeUnit.") }}
    {%- endif -%}
{%- endmacro %}

{# A number of which one second is 10 to the power of `digits`. The last digits of seconds are read as a fraction, as texts: as one double they would be rounded. #}
{% macro epoch_clock_of(text, digits) -%}
    {%- set whole = "lpad(split_part(" ~ text ~ ", '.', 1), greatest(length(split_part(" ~ text ~ ", '.', 1)), " ~ (digits + 1) ~ "), '0')" -%}
    case
        when {{ text }} ~ '^[0-9]{1,{{ 10 + digits }}}(\.[0-9]{1,30})?$'
            then
                to_timestamp(left({{ whole }}, -{{ digits }})::bigint)
                + rpad(left(right({{ whole }}, {{ digits }}) || split_part({{ text }}, '.', 2), 6), 6, '0')::integer * interval '1 microsecond'
    end
{%- endmacro %}

{# As iso_clock; also with an offset such as `+0100` or `+01`, a comma before the fraction, and without an offset in `zone`. #}
{% macro iso_clock_of_zone(text, zone) -%}
    {%- set time = "regexp_replace(" ~ text ~ ", '^(.{19})([.,][0-9]{1,6})?[0-9]*(.*)$', '\\1\\2\\3')" -%}
    {%- set time = "replace(" ~ time ~ ", ',', '.')" -%}
    case
        when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.,][0-9]{1,30})?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$'
            then
                case
                    when not pg_input_is_valid({{ time }}, 'timestamptz') then null
                    when substr({{ text }}, 20) ~ '[Z+-]' then ({{ time }})::timestamptz
                    else {{ in_zone(time, zone) }}
                end
    end
{%- endmacro %}

{# A clock without an offset, in a zone: of an hour that comes twice the second, and where there is no such hour as counted on from before. #}
{% macro in_zone(time, zone) -%}
    ({{ time }})::timestamp at time zone {{ text_literal(zone) }}
{%- endmacro %}

{#
    Whether an event claims to be from so far ahead of its record's time that it does not count as news. By the lesser of Kafka's time and
    the landing's: a producer whose clock is a year ahead stamps its records so too.
#}
{% macro is_from_future(event_at='event_at') -%}
    coalesce({{ event_at }} > {{ record_time() }} + interval '{{ var("furthest_ahead") }}', false)
{%- endmacro %}
