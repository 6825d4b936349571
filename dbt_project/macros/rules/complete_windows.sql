{# Whether a five-minute window ended so long before the newest event of the slowest partition that hardly anything is still to come. #}
{% macro is_complete_window(window_start, newest_event_at) -%}
    coalesce(
        {{ window_start }} + interval '5 minutes' + interval '{{ var("allowed_lateness") }}' < {{ newest_event_at }},
        false
    )
{%- endmacro %}
