{#
    `landfall refresh --from DAY --to DAY` counts the marts of these event days again from the facts, whatever loads they have read:
    vars from_day and to_day, both included, in reporting_timezone.
#}
{% macro recounts_days() %}
    {% do return(var('from_day', none) is not none) %}
{% endmacro %}

{% macro first_instant() -%}
    (date '{{ var("from_day") }}')::timestamp at time zone '{{ var("reporting_timezone") }}'
{%- endmacro %}

{% macro end_instant() -%}
    (date '{{ var("to_day") }}' + 1)::timestamp at time zone '{{ var("reporting_timezone") }}'
{%- endmacro %}
