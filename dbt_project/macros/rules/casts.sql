{#
    Casts that give null, and never an error, for a text that does not fit. Patterns are those of kpis: nothing else is read.

    Before the general pattern stands one that only takes the common form. A pattern costs for each of its steps (0.1 µs each time that one
    is reached, so `[0-9]{1,18}` is eighteen of them), a loop like `[0-9]+` is one step however long the text: 0.2 µs instead of 0.8 to 3.
#}

{# An identifier: an integer, or one that came as a text float (`188.0`), blanks around it or not. 18 digits always fit a bigint. #}
{% macro as_bigint(text) -%}
    case
        when length({{ text }}) <= 18 and {{ text }} ~ '^[0-9]+(\.0)?$' then split_part({{ text }}, '.', 1)::bigint
        when {{ text }} ~ '^[ \t\r\n]*[+-]?[0-9]{1,18}(\.0*)?[ \t\r\n]*$' then split_part({{ text }}, '.', 1)::bigint
    end
{%- endmacro %}

{# A decimal number, also in exponent notation; not NaN, infinity, hexadecimal or digits with underscores. #}
{% macro as_numeric(text) -%}
    case
        when {{ text }} ~ '^[ \t\r\n]*[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?[ \t\r\n]*$' then {{ text }}::numeric
    end
{%- endmacro %}

{#
    How much or how many: a bid, a price, an amount, a duration. A number from 0 on with at most 18 digits before the point; a negative
    one, or one out of all proportion, would make the figures of all others wrong, and is null. The first case is the common one.
#}
{% macro as_quantity(text) -%}
    case
        when length({{ text }}) <= 18 and {{ text }} ~ '^[0-9]+\.?[0-9]*$' then {{ text }}::numeric
        when {{ as_numeric(text) }} >= 0 and {{ as_numeric(text) }} < 1e18 then {{ as_numeric(text) }}
    end
{%- endmacro %}

{#
    An instant in master data: `2022-07-27 08:18:53.421507`, without a zone UTC. What is finer than a microsecond is cut off: rounded,
    the `9999-12-31 23:59:59.9999999` that stands for "never" elsewhere would be in a year that readers do not have.
#}
{% macro as_timestamptz(text) -%}
    {%- set cut = "regexp_replace(" ~ text ~ ", '(\\.[0-9]{6})[0-9]+', '\\1')" -%}
    {%- set with_zone = "case when " ~ text ~ " ~* ':[0-9.]+ ?([+-][0-9:]+|z|utc)$' then " ~ cut ~ " else " ~ cut ~ " || ' UTC' end" -%}
    case
        when
            {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' and pg_input_is_valid({{ with_zone }}, 'timestamptz')
            then
                case
                    when
                        ({{ with_zone }})::timestamptz between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
                        then ({{ with_zone }})::timestamptz
                end
    end
{%- endmacro %}

{# A flag in master data, whatever notation the source has for it. #}
{% macro as_boolean(text) -%}
    case when pg_input_is_valid({{ text }}, 'boolean') then {{ text }}::boolean end
{%- endmacro %}

{#
    Whether a text can be read as JSON. By the rules of jsonb, which refuses what the type json takes and then cannot show: `\u0000`.
    A text with more brackets than 5,000 is not even looked at: nested some ten thousand deep, it would end the query with an error, and not
    be found invalid. Landing bounds the depth of what was sent as JSON, but not of texts.
#}
{% macro is_json(text) -%}
    case
        when octet_length({{ text }}) <= 5000 or length({{ text }}) - length(translate({{ text }}, '[{', '')) <= 5000
            then pg_input_is_valid({{ text }}, 'jsonb')
        else false
    end
{%- endmacro %}

{#
    What a text is as JSON: array, object, string, number, boolean or null, as json_typeof names them; null where it is no JSON. Of what is
    JSON its first sign tells, so that it is not parsed once more.
#}
{% macro json_kind(text) -%}
    case
        when {{ is_json(text) }}
            then case left({{ text }}, 1) when '[' then 'array' when '{' then 'object' else json_typeof({{ text }}::json) end
    end
{%- endmacro %}

{#
    Names of the fields that hold something which their cast could not read; null when all is well.
    `fields`: {field: expression of its cast}; `columns`: {field: its column}, of those whose column has another name.
#}
{% macro bad_casts(fields, columns={}) -%}
    nullif(
        concat_ws(
            ', ',
            {%- for field, cast in fields.items() %}
            case when {{ landed(field, columns.get(field)) }} is not null and {{ cast }} is null then {{ text_literal(field) }} end {{- ',' if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
