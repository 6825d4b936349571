{# Casts that give null, and never an error, for a text that does not fit. Patterns are those of kpis: nothing else is read. #}

{# An identifier: an integer, or one that came as a text float (`188.0`). 18 digits always fit a bigint. #}
{% macro as_bigint(text) -%}
    case when {{ text }} ~ '^[+-]?[0-9]{1,18}(\.0*)?$' then split_part({{ text }}, '.', 1)::bigint end
{%- endmacro %}

{# A decimal number, also in exponent notation; not NaN, infinity, hexadecimal or digits with underscores. #}
{% macro as_numeric(text) -%}
    case when {{ text }} ~ '^[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?$' then {{ text }}::numeric end
{%- endmacro %}

{# An instant in master data: `2022-07-27 08:18:53.421507`, taken as UTC. #}
{% macro as_timestamptz(text) -%}
    case
        when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' and pg_input_is_valid({{ text }}, 'timestamp')
            then {{ text }}::timestamp at time zone 'UTC'
    end
{%- endmacro %}

{# A flag in master data, whatever notation the source has for it. #}
{% macro as_boolean(text) -%}
    case when pg_input_is_valid({{ text }}, 'boolean') then {{ text }}::boolean end
{%- endmacro %}

{#
    Names of the fields that hold something which their cast could not read; null when all is well.
    `fields`: {field: expression of its cast}.
#}
{% macro bad_casts(fields) -%}
    nullif(
        concat_ws(
            ', ',
            {%- for field, cast in fields.items() %}
            case when {{ landed(field) }} is not null and {{ cast }} is null then '{{ field }}' end {{- ',' if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
