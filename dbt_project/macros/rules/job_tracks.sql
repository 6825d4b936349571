{#
    What happened to ads by day and one entity, `key` (job_id, campaign_id or publisher_id): the sum of the day's hours. A whole
    model; its bucket is the day.
#}
{% macro job_tracks_per_day(key) -%}
with new_events as (
    select * from {{ ref('int_job_events') }}
    where {{ new_loads('job_tracking') }}
),

touched_days as (
    select distinct ({{ reporting_hour('event_at') }})::date as event_date from new_events
),

hourly as (
    select * from {{ ref('int_job_events__hourly') }}
),

final as (
    select
        touched_days.event_date,
        hourly.{{ key }},
        sum(hourly.clicks)::bigint as clicks,
        sum(hourly.spend_hour) as spend,
        sum(hourly.conversions)::bigint as conversions,
        sum(hourly.qualified)::bigint as qualified,
        sum(hourly.unqualified)::bigint as unqualified
    from touched_days
    left join hourly on touched_days.event_date = hourly.event_date
    group by 1, 2
)

select * from final
{%- endmacro %}

{# What the recruitment marts derive from clicks, spend, conversions and their outcome. A share of nothing is null. #}
{% macro job_ratios(relation) -%}
    {{ relation }}.clicks,
    {{ relation }}.spend,
    {{ relation }}.spend / nullif({{ relation }}.clicks, 0) as cost_per_click,
    {{ relation }}.conversions,
    {{ relation }}.conversions::numeric / nullif({{ relation }}.clicks, 0) as conversion_rate,
    {{ relation }}.spend / nullif({{ relation }}.conversions, 0) as cost_per_conversion,
    {{ relation }}.qualified,
    {{ relation }}.unqualified,
    {{ relation }}.qualified::numeric / nullif({{ relation }}.qualified + {{ relation }}.unqualified, 0) as qualified_rate
{%- endmacro %}

{#
    The job that an event names: its own, else `jobId` of its data `ed`, where that is a JSON object. Outcomes name their job there or
    nowhere. 0, and what is no number, names none. The cases follow one another, so that no cast can fail.
#}
{% macro named_job(job_id, event_data) -%}
    coalesce(
        nullif({{ as_bigint(job_id) }}, 0),
        case
            when {{ event_data }} like '%"jobId"%'
                then case
                    when {{ is_json(event_data) }}
                        then case
                            when json_typeof({{ event_data }}::json) = 'object'
                                then nullif({{ as_bigint("(" ~ event_data ~ "::json ->> 'jobId')") }}, 0)
                        end
                end
        end
    )
{%- endmacro %}
