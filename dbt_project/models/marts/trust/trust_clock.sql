with definitions as (
    select * from {{ source('progress', 'model_definition') }}
),

-- of tables that know days; until one is made, UTC. Between the tables of a full refresh in another zone, either
final as (
    select coalesce(max(reporting_timezone), 'UTC') as reporting_timezone
    from definitions
)

select * from final
