{# What marts show of people and of the pages they came from, and what is beneath. #}

{#
    An identifier as it was sent, for who may act as the role that owns the models; null for BI, which has keys. Asked once a row, of
    the columns that a query names; filters on other columns go past it.
#}
{% macro raw_id(column) -%}
    case when pg_has_role(current_user, 'transformer', 'usage') then {{ column }} end
{%- endmacro %}

{#
    A field of a record, to be compared with a fact: an identifier that `landfall retention` has shortened there is not compared.
#}
{% macro as_kept(column) -%}
    {%- if column in ['user_id', 'device_id', 'uid'] -%}
        case when facts.{{ column }} like 'key:%' then facts.{{ column }} else records.{{ column }} end
    {%- else -%}
        records.{{ column }}
    {%- endif -%}
{%- endmacro %}

{# Salted key of somebody's identifier, without blanks around it; of one that `landfall retention` has shortened to its key, that. #}
{% macro user_key(column) -%}
    case
        when {{ column }} ~ '^key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr({{ column }}, 5)::uuid
        else {{ salted_key("nullif(btrim(" ~ column ~ "), '')") }}
    end
{%- endmacro %}

{#
    The page of an address: what url_without_query leaves of it. `(none)` where nothing else was sent; an empty text stays one. Most
    addresses end with the first look.
#}
{% macro page_of_url(url) -%}
    case
        when {{ url }} !~ '[?#@%]|^[Ff][Ii][Ll][Ee]:' then {{ url }}
        else coalesce(nullif({{ url_without_query(url) }}, ''), '(none)')
    end
{%- endmacro %}
