with models (relation, kind, streams, day_column, counts, description) as (
    values
    (null::text, null::text, null::text[], null::text, null::text[], null::text)
    {{- catalogue_rows() }}
),

final as (
    select * from models
    where relation is not null
)

select * from final
