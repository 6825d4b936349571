{# The buckets of time that marts count in. The same text stands in the facts' indexes, so a bucket is found through them. #}

{# Start of the hour on the clock of reporting_timezone (or `zone`, SQL); the hour repeated in autumn is one bucket. #}
{% macro reporting_hour(instant, zone=none) -%}
    date_trunc('hour', {{ instant }} at time zone {{ zone or "'" ~ reporting_timezone() ~ "'" }})
{%- endmacro %}

{# Start of the five-minute window, UTC. #}
{% macro five_minutes(instant) -%}
    date_bin(interval '5 minutes', {{ instant }}, timestamptz '2000-01-01 00:00:00+00')
{%- endmacro %}

{#
    Day on the clock of reporting_timezone: the one definition of a day. From midnight to midnight is another: where clocks go back to
    midnight it comes twice (Atlantic/Azores), where they go on from there it never comes (America/Havana).
#}
{% macro reporting_day(instant, zone=none) -%}
    ({{ reporting_hour(instant, zone) }}::date)
{%- endmacro %}

{#
    Whether an instant is of one of these days, both included. The bounds only say where an index or a partition has them, and are wider
    than the days: no zone was ever 16 hours away from UTC.
#}
{% macro is_of_days(instant, first_day, last_day) -%}
    (
        {{ instant }} >= (({{ first_day }})::timestamp at time zone 'UTC') - interval '16 hours'
        and {{ instant }} < (({{ last_day }} + 1)::timestamp at time zone 'UTC') + interval '16 hours'
        and {{ reporting_day(instant) }} between {{ first_day }} and {{ last_day }}
    )
{%- endmacro %}
