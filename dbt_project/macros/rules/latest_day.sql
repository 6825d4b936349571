{#
    The newest day of a daily table: that of the stream's newest event, those from the future left out, or the last before it with
    rows. `newest`: the stream's table of newest event times; `condition`: which rows count.
#}
{% macro latest_day(daily, newest, condition='true') -%}
    (
        select max(days.event_date)
        from {{ daily }} as days
        where
            days.event_date <= (select max({{ reporting_day('newest.newest_event_at', counted_timezone(daily)) }}) from {{ newest }} as newest)
            and {{ condition }}
    )
{%- endmacro %}
