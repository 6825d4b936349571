{# The buckets of time that marts count in. The same text stands in the facts' indexes, so a bucket is found through them. #}

{# Start of the hour on the clock of reporting_timezone; the hour repeated in autumn is one bucket. #}
{% macro reporting_hour(instant) -%}
    date_trunc('hour', {{ instant }} at time zone '{{ var("reporting_timezone") }}')
{%- endmacro %}

{# Start of the five-minute window, UTC. #}
{% macro five_minutes(instant) -%}
    date_bin(interval '5 minutes', {{ instant }}, timestamptz '2000-01-01 00:00:00+00')
{%- endmacro %}

{# Day on the clock of reporting_timezone. #}
{% macro reporting_day(instant) -%}
    ({{ reporting_hour(instant) }}::date)
{%- endmacro %}

{# Instant at which a day of reporting_timezone begins. #}
{% macro start_of_day(day) -%}
    (({{ day }})::timestamp at time zone '{{ var("reporting_timezone") }}')
{%- endmacro %}
