{#
    `landfall refresh --from DAY --to DAY` counts the marts of these event days again from the facts, whatever loads they have read:
    vars from_day and to_day, both included, in reporting_timezone.
#}
{% macro recounts_days() %}
    {% do return(var('from_day', none) is not none) %}
{% endmacro %}

{# Whether an instant is of one of them. #}
{% macro is_of_recounted_days(instant) -%}
    {{ is_of_days(instant, "date '" ~ var("from_day") ~ "'", "date '" ~ var("to_day") ~ "'") }}
{%- endmacro %}
