{# Rules of the web shop's requests, each once. Bounds and names that may change are vars of dbt_project.yml. #}

{# The calendar minute in which an address is counted; of an index too, which date_trunc is not allowed in. #}
{% macro calendar_minute(instant) -%}
    date_bin(interval '1 minute', {{ instant }}, timestamptz '2000-01-01 00:00:00+00')
{%- endmacro %}
